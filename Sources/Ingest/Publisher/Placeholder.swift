// Publisher: to be filled.

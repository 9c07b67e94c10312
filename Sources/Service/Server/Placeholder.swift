// Server: to be filled.

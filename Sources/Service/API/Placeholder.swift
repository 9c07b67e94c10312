// API: to be filled.

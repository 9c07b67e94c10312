// Model: to be filled.

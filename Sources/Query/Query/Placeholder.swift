// Query: to be filled.

// Edge: to be filled.

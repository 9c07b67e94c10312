// Observability: to be filled.

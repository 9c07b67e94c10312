// Coordinator: to be filled.

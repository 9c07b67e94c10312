// Rendering: to be filled.

// Sandbox: to be filled.

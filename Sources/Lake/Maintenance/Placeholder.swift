// Maintenance: to be filled.

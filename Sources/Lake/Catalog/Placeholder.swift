// Catalog: to be filled.

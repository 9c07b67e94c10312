// DuckDB: to be filled.

// SQLite: to be filled.

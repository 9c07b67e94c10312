// SQLiteStore: to be filled.

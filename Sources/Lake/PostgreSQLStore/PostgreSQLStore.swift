// The bus and the catalog on PostgreSQL.

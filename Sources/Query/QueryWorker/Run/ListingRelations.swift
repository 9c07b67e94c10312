import DuckDB
import WorkerProtocol

/// Makes the relations behind `information_schema` and SHOW TABLES: the tenant's tables and
/// columns, and nothing that the engine knows beside them.
///
/// They are tables of a transaction that is never committed. The columns have the names and types
/// of the engine's own views, so that tools made for it find what they ask for.
struct ListingRelations {
  private let tables: [ListedTable]

  init(_ tables: [ListedTable]) {
    self.tables = tables
  }

  func create(on connection: DuckDBConnection) throws(DuckDBError) {
    try connection.execute("CREATE SCHEMA \(CatalogListing.schema)")
    try connection.execute(Self.definitions)
    try insert(
      Self.tableRows, [tables.map { .string($0.name) }, tables.map { Self.value($0.comment) }],
      on: connection)
    let columns = tables.flatMap { table in
      table.columns.enumerated().map { (table: table.name, position: $0 + 1, column: $1) }
    }
    try insert(
      Self.columnRows,
      [
        columns.map { .string($0.table) }, columns.map { .string($0.column.name) },
        columns.map { .int64(Int64($0.position)) },
        columns.map { Self.value($0.column.defaultText) },
        columns.map { .bool($0.column.isNullable) }, columns.map { .string($0.column.type) },
        columns.map { Self.value($0.column.comment) },
      ], on: connection)
    try connection.execute(Self.expansion)
  }

  private static func value(_ text: String?) -> DuckDBValue {
    text.map { .string($0) } ?? .null
  }

  private func insert(
    _ statement: String, _ lists: [[DuckDBValue]], on connection: DuckDBConnection
  ) throws(DuckDBError) {
    guard lists.first?.isEmpty == false else { return }
    let insertion = try connection.prepare(statement)
    try insertion.bind(positional: lists.map { .list($0) })
    _ = try insertion.execute(streaming: false).readTable()
  }

  private static let definitions = """
    CREATE TABLE \(CatalogListing.schema).schemata AS SELECT
      current_database() AS catalog_name, 'main' AS schema_name, NULL::VARCHAR AS schema_owner,
      NULL::VARCHAR AS default_character_set_catalog, NULL::VARCHAR AS default_character_set_schema,
      NULL::VARCHAR AS default_character_set_name, NULL::VARCHAR AS sql_path;
    CREATE TABLE \(CatalogListing.schema).tables (
      table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, table_type VARCHAR,
      self_referencing_column_name VARCHAR, reference_generation VARCHAR,
      user_defined_type_catalog VARCHAR, user_defined_type_schema VARCHAR,
      user_defined_type_name VARCHAR, is_insertable_into VARCHAR, is_typed VARCHAR,
      commit_action VARCHAR, TABLE_COMMENT VARCHAR);
    CREATE TABLE \(CatalogListing.schema).columns (
      table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, column_name VARCHAR,
      ordinal_position INTEGER, column_default VARCHAR, is_nullable VARCHAR, data_type VARCHAR,
      character_maximum_length INTEGER, character_octet_length INTEGER, numeric_precision INTEGER,
      numeric_precision_radix INTEGER, numeric_scale INTEGER, datetime_precision INTEGER,
      interval_type VARCHAR, interval_precision INTEGER, character_set_catalog VARCHAR,
      character_set_schema VARCHAR, character_set_name VARCHAR, collation_catalog VARCHAR,
      collation_schema VARCHAR, collation_name VARCHAR, domain_catalog VARCHAR,
      domain_schema VARCHAR, domain_name VARCHAR, udt_catalog VARCHAR, udt_schema VARCHAR,
      udt_name VARCHAR, scope_catalog VARCHAR, scope_schema VARCHAR, scope_name VARCHAR,
      maximum_cardinality BIGINT, dtd_identifier VARCHAR, is_self_referencing BOOLEAN,
      is_identity BOOLEAN, identity_generation VARCHAR, identity_start VARCHAR,
      identity_increment VARCHAR, identity_maximum VARCHAR, identity_minimum VARCHAR,
      identity_cycle BOOLEAN, is_generated VARCHAR, generation_expression VARCHAR,
      is_updatable BOOLEAN, COLUMN_COMMENT VARCHAR);
    """

  private static let tableRows = """
    INSERT INTO \(CatalogListing.schema).tables BY NAME SELECT
      current_database() AS table_catalog, 'main' AS table_schema,
      unnest($1::VARCHAR[]) AS table_name, 'BASE TABLE' AS table_type,
      'NO' AS is_insertable_into, 'NO' AS is_typed, unnest($2::VARCHAR[]) AS TABLE_COMMENT
    """

  private static let columnRows = """
    INSERT INTO \(CatalogListing.schema).columns BY NAME SELECT
      current_database() AS table_catalog, 'main' AS table_schema, table_name, column_name,
      ordinal_position, column_default, if(is_nullable, 'YES', 'NO') AS is_nullable, data_type,
      CASE kind WHEN 'DECIMAL' THEN arguments[1] WHEN 'TINYINT' THEN 8 WHEN 'UTINYINT' THEN 8
        WHEN 'SMALLINT' THEN 16 WHEN 'USMALLINT' THEN 16 WHEN 'INTEGER' THEN 32
        WHEN 'UINTEGER' THEN 32 WHEN 'BIGINT' THEN 64 WHEN 'UBIGINT' THEN 64
        WHEN 'HUGEINT' THEN 128 WHEN 'UHUGEINT' THEN 128 WHEN 'FLOAT' THEN 24
        WHEN 'DOUBLE' THEN 53 END AS numeric_precision,
      CASE WHEN numeric_precision IS NULL THEN NULL WHEN kind = 'DECIMAL' THEN 10 ELSE 2 END
        AS numeric_precision_radix,
      CASE WHEN kind = 'DECIMAL' THEN arguments[2] WHEN kind IN ('FLOAT', 'DOUBLE') THEN NULL
        WHEN numeric_precision IS NOT NULL THEN 0 END AS numeric_scale,
      'NEVER' AS is_generated, column_comment AS COLUMN_COMMENT
    FROM (
      SELECT *, regexp_extract(data_type, '^[A-Z]+$|^DECIMAL') AS kind,
        regexp_extract_all(data_type, '[0-9]+')::INTEGER[] AS arguments
      FROM (
        SELECT unnest($1::VARCHAR[]) AS table_name, unnest($2::VARCHAR[]) AS column_name,
          unnest($3::INTEGER[]) AS ordinal_position, unnest($4::VARCHAR[]) AS column_default,
          unnest($5::BOOLEAN[]) AS is_nullable, unnest($6::VARCHAR[]) AS data_type,
          unnest($7::VARCHAR[]) AS column_comment))
    """

  private static let expansion = """
    CREATE TABLE \(CatalogListing.schema).\(CatalogListing.expanded) AS SELECT
      t.table_catalog AS "database", t.table_schema AS "schema", t.table_name AS name,
      coalesce(list(c.column_name ORDER BY c.ordinal_position)
        FILTER (WHERE c.column_name IS NOT NULL), []) AS column_names,
      coalesce(list(c.data_type ORDER BY c.ordinal_position)
        FILTER (WHERE c.column_name IS NOT NULL), []) AS column_types, false AS temporary
    FROM \(CatalogListing.schema).tables t
      LEFT JOIN \(CatalogListing.schema).columns c ON c.table_name = t.table_name
    GROUP BY ALL ORDER BY t.table_name
    """
}

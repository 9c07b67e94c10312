import LakeTables
import Model
import PostgreSQL

/// The steps of a migration, inside its transaction.
extension PostgreSQLSession {
  /// Waits for other migrations of the schema to end, and makes what all of them need.
  func lockCatalog(schema: String) throws(PostgreSQLOpenError) {
    try migrating { () throws(PostgreSQLError) in
      _ = try query(
        "SELECT pg_advisory_xact_lock(hashtextextended('duckmesh migration ' || $1::TEXT, 0))",
        [.text(schema)])
      let isMissing =
        try query(
          "SELECT FROM pg_namespace WHERE nspname = $1::NAME", [.text(schema)]
        ).count == 0
      if isMissing { try script("CREATE SCHEMA " + PostgreSQLText.identifier(schema)) }
      try script(
        """
        CREATE TABLE IF NOT EXISTS duckmesh_migration(
          version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
          applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp())
        """)
    }
  }

  func apply(_ statements: [String]) throws(PostgreSQLOpenError) {
    guard !statements.isEmpty else { return }
    try migrating { () throws(PostgreSQLError) in
      try script(statements.joined(separator: ";\n"))
    }
  }

  func record(_ migration: Migration) throws(PostgreSQLOpenError) {
    try migrating { () throws(PostgreSQLError) in
      _ = try query(
        "INSERT INTO duckmesh_migration(version, name, checksum) VALUES ($1::BIGINT, $2, $3)",
        [.int64(Int64(migration.version)), .text(migration.name), .text(migration.checksum)])
    }
  }

  func forget(_ migration: Migration) throws(PostgreSQLOpenError) {
    try migrating { () throws(PostgreSQLError) in
      _ = try query(
        "DELETE FROM duckmesh_migration WHERE version = $1::BIGINT",
        [.int64(Int64(migration.version))])
    }
  }

  /// Drops the functions of every program that ever ran on the catalog.
  func dropFunctions() throws(PostgreSQLOpenError) {
    try migrating { () throws(PostgreSQLError) in
      let functions = try query(
        #"""
        SELECT oid::REGPROCEDURE::TEXT FROM pg_proc WHERE proname LIKE 'duckmesh\_%'
          AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        """#)
      for row in 0..<functions.count {
        try script("DROP FUNCTION \(functions.text(row, 0)) CASCADE")
      }
    }
  }

  /// The first snapshot and the lake's own description, as the DuckLake 1.0 specification has them.
  func seed(now: PostgreSQLValue) throws(PostgreSQLOpenError) {
    try migrating { () throws(PostgreSQLError) in
      let moment = "\(SQLFunction.timestamp.name)(\(SQLFunction.now.name)($1::BIGINT))"
      _ = try query("INSERT INTO ducklake_snapshot VALUES (0, \(moment), 0, 1, 0)", [now])
      try script(
        """
        INSERT INTO ducklake_snapshot_changes
          VALUES (0, 'created_schema:"main"', NULL, NULL, NULL);
        INSERT INTO ducklake_schema
          VALUES (0, gen_random_uuid(), 0, NULL, 'main', 'main/', TRUE);
        """)
      for (key, value) in [
        ("version", "1.0"), ("created_by", "DuckMesh"), ("data_path", ""), ("encrypted", "false"),
        // Without it an outside client keeps small inserts inside the catalog, unseen by our
        // reader.
        ("data_inlining_row_limit", "0"),
      ] {
        _ = try query(
          "INSERT INTO ducklake_metadata VALUES ($1, $2, NULL, NULL)", [.text(key), .text(value)])
      }
      try script("INSERT INTO duckmesh_meta VALUES ('incarnation', gen_random_uuid()::TEXT)")
    }
  }

  private func migrating(
    _ body: () throws(PostgreSQLError) -> Void
  ) throws(PostgreSQLOpenError) {
    do { try body() } catch { throw .database(error) }
  }
}

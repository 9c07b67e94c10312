import Consistency
import LakeTables
import Model
import SQLite

/// Brings a catalog to a version and says where it stands.
struct Migrator {
  static let all: [Migration] = [
    .initial, .keyedTables, .schemaVersions, .history, .deadLetterReplay, .batches, .tableLayouts,
    .eventReplays,
  ]

  let connection: SQLiteConnection
  let clock: CatalogClock

  /// Applies what is missing, each migration in a transaction of its own.
  func migrateUp() throws {
    try connection.execute(
      """
      CREATE TABLE IF NOT EXISTS duckmesh_migration(
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL)
      """)
    let applied = try applied()
    let newest = Self.all.last?.version ?? 0
    if let found = applied.keys.max(), found > newest {
      throw CatalogOpenError.newerCatalog(found: found, supported: newest)
    }
    for migration in Self.all {
      if let checksum = applied[migration.version] {
        guard checksum == migration.checksum else {
          throw CatalogOpenError.alteredMigration(version: migration.version)
        }
        continue
      }
      try connection.transaction(.immediate) { () throws(SQLiteError) in
        for statement in migration.up { try connection.execute(statement) }
        if migration.version == 1 { try seed() }
        try connection.statement(
          "INSERT INTO duckmesh_migration(version, name, checksum, applied_at) VALUES (?, ?, ?, ?)"
        )
        .bind(Int64(migration.version), at: 1).bind(migration.name, at: 2)
        .bind(migration.checksum, at: 3).bind(clock.wall().rfc3339, at: 4).run()
      }
    }
  }

  /// Takes back every migration above `version`, newest first.
  func migrateDown(to version: Int) throws {
    let applied = try applied()
    for migration in Self.all.reversed()
    where migration.version > version && applied[migration.version] != nil {
      try connection.transaction(.immediate) { () throws(SQLiteError) in
        for statement in migration.down { try connection.execute(statement) }
        try connection.statement("DELETE FROM duckmesh_migration WHERE version = ?")
          .bind(Int64(migration.version), at: 1).run()
      }
    }
  }

  private func applied() throws(SQLiteError) -> [Int: String] {
    let statement = try connection.prepare("SELECT version, checksum FROM duckmesh_migration")
    var versions: [Int: String] = [:]
    while try statement.step() { versions[Int(statement.int64(0))] = statement.text(1) }
    return versions
  }

  /// The first snapshot and the lake's own description, as the DuckLake 1.0 specification has them.
  private func seed() throws(SQLiteError) {
    let now = clock.wall().catalogText
    try connection.statement("INSERT INTO ducklake_snapshot VALUES (0, ?, 0, 1, 0)")
      .bind(now, at: 1).run()
    try connection.execute(
      "INSERT INTO ducklake_snapshot_changes VALUES (0, 'created_schema:\"main\"', NULL, NULL, NULL)"
    )
    try connection.statement(
      "INSERT INTO ducklake_schema VALUES (0, ?, 0, NULL, 'main', 'main/', 1)"
    )
    .bind(UUIDText.random(), at: 1).run()
    for (key, value) in [
      ("version", "1.0"), ("created_by", "DuckMesh"), ("data_path", ""), ("encrypted", "false"),
      // Without it an outside client keeps small inserts inside the catalog, unseen by our reader.
      ("data_inlining_row_limit", "0"),
    ] {
      try connection.statement("INSERT INTO ducklake_metadata VALUES (?, ?, NULL, NULL)")
        .bind(key, at: 1).bind(value, at: 2).run()
    }
    for (key, value) in [
      ("lake", UUIDText.random()), ("generation", "\(LakeGeneration.first)"),
      ("nonce", UUIDText.random()),
    ] {
      try connection.statement("INSERT INTO duckmesh_meta VALUES (?, ?)")
        .bind(key, at: 1).bind(value, at: 2).run()
    }
  }
}

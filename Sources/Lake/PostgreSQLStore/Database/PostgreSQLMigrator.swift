import LakeTables
import Model
import PostgreSQL

/// Brings a catalog to a version and says where it stands.
///
/// All that is changed is changed in one transaction under an advisory lock, so any number of
/// processes may start at once and a migration that fails leaves nothing behind. Processes of the
/// release before go on working meanwhile and afterwards: a migration adds what the new release
/// needs, and takes away only what no process of the release before it uses. Functions carry a
/// number over their text, and each program installs its own beside the others.
package struct PostgreSQLMigrator: Sendable {
  static let all: [Migration] = [
    .initial, .keyedTables, .schemaVersions, .history, .deadLetterReplay, .batches, .tableLayouts,
    .eventReplays,
  ]

  private let options: PostgreSQLOptions
  private let clock: CatalogClock?

  package init(options: PostgreSQLOptions) { self.init(options: options, clock: nil) }

  init(options: PostgreSQLOptions, clock: CatalogClock?) {
    self.options = options
    self.clock = clock
  }

  package static var newest: Int { all.last?.version ?? 0 }

  /// Applies what is missing, all of it or nothing.
  package func migrateUp() async throws(PostgreSQLOpenError) {
    // Most starts find nothing to do: they take no lock and wait for nobody.
    if try await state().isComplete { return }
    let now: PostgreSQLValue = clock.map { .int64($0.wall().microseconds) } ?? .null
    try await write { (session) throws(PostgreSQLOpenError) in
      let state = try MigrationState.read(session)
      try state.check()
      for migration in Self.all where state.applied[migration.version] == nil {
        try session.apply(migration.up)
      }
      try session.apply(state.missingFunctions.map(\.createStatement))
      if state.applied.isEmpty { try session.seed(now: now) }
      for migration in Self.all where state.applied[migration.version] == nil {
        try session.record(migration)
      }
    }
  }

  /// Takes back every migration above `version`, newest first; 0 takes everything back.
  package func migrateDown(to version: Int) async throws(PostgreSQLOpenError) {
    try await write { (session) throws(PostgreSQLOpenError) in
      let state = try MigrationState.read(session)
      try state.check()
      if version == 0 { try session.dropFunctions() }
      for migration in Self.all.reversed()
      where migration.version > version && state.applied[migration.version] != nil {
        try session.apply(migration.down)
        try session.forget(migration)
      }
    }
  }

  /// Refuses a catalog that this program cannot work with as it is.
  package func verify() async throws(PostgreSQLOpenError) {
    let state = try await state()
    try state.check()
    guard state.isComplete else {
      throw .olderCatalog(found: state.applied.keys.max() ?? 0, needed: Self.newest)
    }
  }

  package func status() async throws(PostgreSQLOpenError) -> [MigrationStatus] {
    try await state().statuses
  }

  private func state() async throws(PostgreSQLOpenError) -> MigrationState {
    try await withPool { (pool) throws(PostgreSQLOpenError) in
      try await pool.snapshot(failure: { .database($0) }) {
        (session) throws(PostgreSQLOpenError) in
        try MigrationState.read(session)
      }
    }
  }

  /// Runs `body` in a transaction that no other migration of this schema runs beside.
  private func write(
    _ body: @escaping @Sendable (PostgreSQLSession) throws(PostgreSQLOpenError) -> Void
  ) async throws(PostgreSQLOpenError) {
    let schema = options.schema
    try await withPool { (pool) throws(PostgreSQLOpenError) in
      try await pool.transaction(failure: { .database($0) }) {
        (session) throws(PostgreSQLOpenError) in
        try session.lockCatalog(schema: schema)
        try body(session)
      }
    }
  }

  private func withPool<Value: Sendable>(
    _ body: (PostgreSQLPool) async throws(PostgreSQLOpenError) -> Value
  ) async throws(PostgreSQLOpenError) -> Value {
    var poolOptions = options.pool("migrate", size: 1)
    poolOptions.statementTimeoutMs = Self.timeoutMs
    poolOptions.lockTimeoutMs = Self.timeoutMs
    let pool: PostgreSQLPool
    do { pool = try PostgreSQLPool(options: poolOptions) } catch { throw .database(error) }
    do throws(PostgreSQLOpenError) {
      let value = try await body(pool)
      await pool.close()
      return value
    } catch {
      await pool.close()
      throw error
    }
  }

  /// For another process's migration to end, and for each statement of our own.
  private static let timeoutMs = 300_000
}

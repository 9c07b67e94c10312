import LakeTables
import Model
import Runtime
import SQLite
import Synchronization

/// The embedded database: one writer, a few readers, and our own checkpointing.
///
/// Write-ahead log, `synchronous = FULL`: a transaction is on disk when COMMIT returns. Readers see
/// committed state only and never wait for the writer.
package final class SQLiteDatabase: Sendable {
  package struct Options: Sendable {
    package var readerCount: Int
    package var checkpointIntervalMs: Int
    /// Pages in the log above which the log is restarted under the writer's turn.
    package var restartPages: Int

    package init(
      readerCount: Int = 3, checkpointIntervalMs: Int = 100, restartPages: Int = 4_000
    ) {
      self.readerCount = readerCount
      self.checkpointIntervalMs = checkpointIntervalMs
      self.restartPages = restartPages
    }
  }

  let clock: CatalogClock
  private let options: Options
  private let writer: DatabaseQueue
  private let readers: [DatabaseQueue]
  private let checkpointer: DatabaseQueue
  private let nextReader = Atomic<Int>(0)
  private let writesSinceCheckpoint = Atomic<Int>(0)

  /// Opens or creates the database at `path` and brings it to the present catalog version.
  ///
  /// - Throws: `CatalogError.newerCatalog` when a newer program has migrated it.
  package init(
    path: String, lakeFolder: String, options: Options = Options(),
    clock: CatalogClock = .system
  ) throws(CatalogOpenError) {
    self.options = options
    self.clock = clock
    do {
      let connection = try Self.connect(path, mode: .readWriteCreate)
      try Migrator(connection: connection, clock: clock).migrateUp()
      try Self.startIncarnation(connection, lakeFolder: lakeFolder)
      writer = DatabaseQueue(label: "duckmesh.sqlite.writer", connection: connection)
      var queues: [DatabaseQueue] = []
      for number in 0..<options.readerCount {
        queues.append(
          DatabaseQueue(
            label: "duckmesh.sqlite.reader.\(number)",
            connection: try Self.connect(path, mode: .readOnly)))
      }
      readers = queues
      checkpointer = DatabaseQueue(
        label: "duckmesh.sqlite.checkpoint",
        connection: try Self.connect(path, mode: .readWriteCreate))
    } catch let error as CatalogOpenError {
      throw error
    } catch let error as SQLiteError {
      throw .database(error)
    } catch {
      throw .damaged(reason: "\(error)")
    }
  }

  private static func connect(
    _ path: String, mode: SQLiteConnection.Mode
  ) throws(SQLiteError) -> SQLiteConnection {
    let connection = try SQLiteConnection(path: path, mode: mode)
    if mode == .readWriteCreate {
      try connection.execute("PRAGMA journal_mode = WAL")
      try connection.execute("PRAGMA synchronous = FULL")
      try connection.execute("PRAGMA wal_autocheckpoint = 0")
    }
    try connection.execute("PRAGMA cache_size = -16384")
    try connection.execute("PRAGMA temp_store = MEMORY")
    try connection.execute("PRAGMA mmap_size = 0")
    return connection
  }

  /// What belonged to the process before this one is over: the data folder's lock says that it is
  /// gone. Its leases are fenced off, and the lake's place is written down afresh, since the folder
  /// may have been moved.
  private static func startIncarnation(
    _ connection: SQLiteConnection, lakeFolder: String
  ) throws(SQLiteError) {
    try connection.transaction(.immediate) { () throws(SQLiteError) in
      for table in ["duckmesh_consumer", "duckmesh_table_lease"] {
        try connection.execute(
          "UPDATE \(table) SET epoch = epoch + 1, owner = NULL, leased_until = 0"
            + " WHERE owner IS NOT NULL")
      }
      try connection.execute(
        "UPDATE duckmesh_event_replay SET owner = NULL, leased_until = 0 WHERE owner IS NOT NULL")
      let place = lakeFolder.hasSuffix("/") ? lakeFolder : lakeFolder + "/"
      try connection.statement(
        "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL"
      ).bind(place, at: 1).run()
    }
  }

  /// Runs `body` in one transaction that holds the write lock from its start.
  func write<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (SQLiteError) -> Failure,
    _ body: @escaping @Sendable (SQLiteConnection) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    writesSinceCheckpoint.add(1, ordering: .relaxed)
    return try await writer.perform { (connection) throws(Failure) in
      try connection.transaction(.immediate, failure: failure) { () throws(Failure) in
        try body(connection)
      }
    }
  }

  /// Runs `body` in one read transaction: it sees one committed state.
  func read<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (SQLiteError) -> Failure,
    _ body: @escaping @Sendable (SQLiteConnection) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let turn = nextReader.add(1, ordering: .relaxed).newValue
    let reader = readers[Int(UInt(bitPattern: turn) % UInt(readers.count))]
    return try await reader.perform { (connection) throws(Failure) in
      try connection.transaction(.read, failure: failure) { () throws(Failure) in
        try body(connection)
      }
    }
  }

  /// Moves the log into the database when there were writes since the last time.
  ///
  /// Called every `checkpointIntervalMs` by `CheckpointService`, and once at the end.
  package func checkpoint() async throws(SQLiteError) {
    let writes = writesSinceCheckpoint.exchange(0, ordering: .relaxed)
    guard writes > 0 else { return }
    do {
      let pages = try await checkpointer.perform { (connection) throws(SQLiteError) in
        // A connection that has not read since the log grew checkpoints nothing, and one that has
        // not ended its reading is refused.
        try connection.statement("SELECT count(*) FROM duckmesh_meta").run()
        return try connection.checkpoint(.passive).log
      }
      guard pages > options.restartPages else { return }
      _ = try await writer.perform { (connection) throws(SQLiteError) in
        try connection.checkpoint(.restart).log
      }
    } catch {
      // Tried again next time, also when nobody writes until then.
      writesSinceCheckpoint.add(writes, ordering: .relaxed)
      throw error
    }
  }

  package var checkpointIntervalMs: Int { options.checkpointIntervalMs }
}

import CSQLite

/// One connection to a SQLite database file.
///
/// Thread-confined: it belongs to the one thread that uses it and is opened without SQLite's own
/// mutexes. Prepared statements are kept for the next time their text is asked for.
package final class SQLiteConnection {
  package enum Mode: Sendable { case readWriteCreate, readOnly }

  let handle: OpaquePointer
  private var statements: [StaticStringKey: SQLiteStatement] = [:]
  private let idle: IdleStatements

  /// Opens `path`.
  ///
  /// - Parameters:
  ///   - busyTimeoutMs: how long a call waits for another connection's lock.
  ///   - idleStatements: how many statements of texts that are built at run time are kept.
  /// - Throws: `SQLiteError.cannotOpen` and whatever opening the file meets.
  package init(
    path: String, mode: Mode, busyTimeoutMs: Int32 = 5_000, idleStatements: Int = 64
  ) throws(SQLiteError) {
    idle = IdleStatements(limit: idleStatements)
    var opened: OpaquePointer?
    let flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
      | (mode == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw SQLiteError(code: code, message: message)
    }
    handle = opened
    sqlite3_busy_timeout(handle, busyTimeoutMs)
  }

  deinit {
    statements.removeAll()
    idle.close()
    // close_v2 waits for statements that outlive the connection object.
    sqlite3_close_v2(handle)
  }

  /// Runs one or more statements that return nothing of interest.
  package func execute(_ sql: String) throws(SQLiteError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw lastError(code) }
  }

  /// The prepared statement of a literal text, reset and with no bindings: one for the life of the
  /// connection.
  ///
  /// The statement stays valid until the same text is asked for again.
  package func statement(_ sql: StaticString) throws(SQLiteError) -> SQLiteStatement {
    let key = StaticStringKey(sql)
    if let cached = statements[key] {
      cached.reset()
      return cached
    }
    let made = try SQLiteStatement(connection: self, sql: sql.description)
    statements[key] = made
    return made
  }

  /// A prepared statement of a text that is built at run time, the caller's own for as long as it
  /// is held.
  package func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    try SQLiteStatement(connection: self, sql: sql, idle: idle)
  }

  /// Statements of texts built at run time that are kept and not in use.
  package var idleStatementCount: Int { idle.count }

  /// Rows changed by the newest INSERT, UPDATE or DELETE.
  package var changes: Int { Int(sqlite3_changes64(handle)) }

  package var lastInsertRowID: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Whether a transaction is open (SQLite rolls back by itself on some errors).
  package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  package enum CheckpointMode: Sendable { case passive, restart, truncate }

  /// Moves pages from the write-ahead log into the database.
  ///
  /// - Returns: pages in the log and pages moved, or -1 for both when not in WAL mode.
  package func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> (log: Int, moved: Int) {
    var log: Int32 = 0
    var moved: Int32 = 0
    let flag =
      switch mode {
      case .passive: SQLITE_CHECKPOINT_PASSIVE
      case .restart: SQLITE_CHECKPOINT_RESTART
      case .truncate: SQLITE_CHECKPOINT_TRUNCATE
      }
    let code = sqlite3_wal_checkpoint_v2(handle, nil, flag, &log, &moved)
    guard code == SQLITE_OK || code & 0xff == SQLITE_BUSY else { throw lastError(code) }
    return (Int(log), Int(moved))
  }

  func lastError(_ code: Int32) -> SQLiteError {
    SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)))
  }
}

/// A literal text as a dictionary key: the address of a literal is its identity.
private struct StaticStringKey: Hashable {
  let address: UInt
  let count: Int
  init(_ text: StaticString) {
    precondition(text.hasPointerRepresentation, "a one-character statement is a mistake")
    address = UInt(bitPattern: text.utf8Start)
    count = text.utf8CodeUnitCount
  }
}

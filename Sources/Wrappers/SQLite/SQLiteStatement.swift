import CSQLite

/// A prepared statement: bind by position from 1, step through rows, read columns from 0.
package final class SQLiteStatement {
  // Unretained: the connection's cache owns its statements, a strong link would be a cycle;
  // sqlite3_close_v2 keeps the handle alive for a statement that outlives the connection.
  private let database: OpaquePointer
  private let handle: OpaquePointer
  private let sql: String
  private let idle: IdleStatements?

  /// Prepares the text, or takes the statement that was prepared for it before.
  ///
  /// - Parameter idle: where the statement is kept when nobody holds it any more; nil finalizes it.
  init(
    connection: SQLiteConnection, sql: String, idle: IdleStatements? = nil
  ) throws(SQLiteError) {
    database = connection.handle
    self.sql = sql
    self.idle = idle
    if let kept = idle?.take(sql) {
      handle = kept
      return
    }
    var made: OpaquePointer?
    let code = sqlite3_prepare_v3(
      connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
    guard code == SQLITE_OK, let made else { throw connection.lastError(code) }
    handle = made
  }

  deinit {
    if let idle {
      idle.put(handle, of: sql)
    } else {
      sqlite3_finalize(handle)
    }
  }

  /// Makes the statement ready to run again, with all parameters NULL.
  package func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  // MARK: Binding

  @discardableResult
  package func bind(_ value: Int64, at index: Int32) throws(SQLiteError) -> SQLiteStatement {
    try check(sqlite3_bind_int64(handle, index, value))
  }

  @discardableResult
  package func bind(_ value: Int64?, at index: Int32) throws(SQLiteError) -> SQLiteStatement {
    guard let value else { return try check(sqlite3_bind_null(handle, index)) }
    return try bind(value, at: index)
  }

  @discardableResult
  package func bind(_ value: String, at index: Int32) throws(SQLiteError) -> SQLiteStatement {
    var value = value
    let code = value.withUTF8 { text in
      text.withMemoryRebound(to: CChar.self) {
        sqlite3_bind_text64(
          handle, index, $0.baseAddress ?? emptyText, UInt64($0.count), transientDestructor,
          UInt8(SQLITE_UTF8))
      }
    }
    return try check(code)
  }

  @discardableResult
  package func bind(_ value: String?, at index: Int32) throws(SQLiteError) -> SQLiteStatement {
    guard let value else { return try check(sqlite3_bind_null(handle, index)) }
    return try bind(value, at: index)
  }

  /// Binds bytes, which SQLite copies.
  @discardableResult
  package func bind(_ value: some ContiguousBytesLike, at index: Int32) throws(SQLiteError)
    -> SQLiteStatement
  {
    let code = value.withBytes { bytes in
      bytes.count == 0
        ? sqlite3_bind_zeroblob(handle, index, 0)
        : sqlite3_bind_blob64(
          handle, index, bytes.baseAddress, UInt64(bytes.count), transientDestructor)
    }
    return try check(code)
  }

  // MARK: Running

  /// Goes to the next row.
  ///
  /// - Returns: false when there is no further row.
  package func step() throws(SQLiteError) -> Bool {
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let error = SQLiteError(code: code, message: String(cString: sqlite3_errmsg(database)))
      sqlite3_reset(handle)
      throw error
    }
  }

  /// Runs a statement that returns no rows and resets it.
  package func run() throws(SQLiteError) {
    _ = try step()
    sqlite3_reset(handle)
  }

  // MARK: Reading

  package func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  package func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(handle, column) == SQLITE_NULL
  }

  package func optionalInt64(_ column: Int32) -> Int64? {
    isNull(column) ? nil : int64(column)
  }

  package func text(_ column: Int32) -> String {
    guard let bytes = sqlite3_column_text(handle, column) else { return "" }
    let count = Int(sqlite3_column_bytes(handle, column))
    return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  package func optionalText(_ column: Int32) -> String? {
    isNull(column) ? nil : text(column)
  }

  package func bytes(_ column: Int32) -> [UInt8] {
    guard let start = sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(sqlite3_column_bytes(handle, column))
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  private func check(_ code: Int32) throws(SQLiteError) -> SQLiteStatement {
    guard code == SQLITE_OK else {
      throw SQLiteError(code: code, message: String(cString: sqlite3_errmsg(database)))
    }
    return self
  }
}

/// Bytes that can be lent to SQLite for the length of a call.
package protocol ContiguousBytesLike {
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result
}

extension [UInt8]: ContiguousBytesLike {
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(body)
  }
}

// SQLITE_TRANSIENT is a macro with a cast: SQLite copies the value before the call returns.
nonisolated(unsafe) private let transientDestructor = unsafeBitCast(
  -1, to: sqlite3_destructor_type.self)  // immutable after initialisation

// A NULL pointer would bind NULL where an empty string is meant.
nonisolated(unsafe) private let emptyText = UnsafePointer<CChar>(
  UnsafeMutablePointer<CChar>.allocate(capacity: 1))  // never read: its length is given as 0

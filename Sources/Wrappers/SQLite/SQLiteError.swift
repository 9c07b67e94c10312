import CSQLite

/// Why SQLite refused or failed a call, by what the caller can do about it.
package enum SQLiteError: Error, Equatable {
  /// Another connection holds the lock; nothing was changed.
  case busy
  /// A unique or check constraint failed; the statement changed nothing.
  case constraint(message: String)
  /// The disk or a quota is full; the transaction was or must be rolled back.
  case storageFull
  /// Reading or writing the file failed.
  case inputOutput(code: Int32, message: String)
  /// COMMIT could not make sure that its pages are on disk. This process sees the transaction
  /// undone, but a crash before the next write may leave it done.
  case commitUncertain(code: Int32, message: String)
  /// The file is not a database or is damaged.
  case corrupt(message: String)
  /// The file cannot be opened.
  case cannotOpen(message: String)
  /// The statement was interrupted from another thread.
  case interrupted
  /// The SQL is wrong or the API was misused: a bug of ours.
  case misuse(code: Int32, message: String)

  /// Maps an extended result code (https://sqlite.org/rescode.html).
  init(code: Int32, message: String) {
    switch code & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
    case SQLITE_CONSTRAINT: self = .constraint(message: message)
    case SQLITE_FULL: self = .storageFull
    case SQLITE_IOERR
    where code == duckmesh_sqlite_ioerr_write || code == duckmesh_sqlite_ioerr_shmsize:
      // A write that fails on a full tmpfs or quota is reported as an I/O error by some kernels.
      self = .storageFull
    case SQLITE_IOERR, SQLITE_READONLY: self = .inputOutput(code: code, message: message)
    case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt(message: message)
    case SQLITE_CANTOPEN: self = .cannotOpen(message: message)
    case SQLITE_INTERRUPT: self = .interrupted
    default: self = .misuse(code: code, message: message)
    }
  }

  /// What the error means when COMMIT failed with it: in the write-ahead log the transaction's last
  /// frame is written before it is synced, so a failed sync leaves it where recovery would find it.
  var ofCommit: SQLiteError {
    guard case .inputOutput(let code, let message) = self else { return self }
    return .commitUncertain(code: code, message: message)
  }
}

import CSQLite

/// Prepared statements of one connection that nobody uses just now, by their text.
///
/// A statement is not here while it is in use, so whoever prepares a text that somebody else is
/// stepping through gets a statement of their own. At most `limit` are kept; the one that has been
/// idle the longest is finalized first.
///
/// Thread-confined with its connection.
final class IdleStatements {
  private struct Entry {
    let handle: OpaquePointer
    let returned: UInt64
  }

  private let limit: Int
  private var entries: [String: Entry] = [:]
  private var clock: UInt64 = 0
  private var isClosed = false

  init(limit: Int) { self.limit = limit }

  var count: Int { entries.count }

  /// Hands out the idle statement of this text, reset and with no bindings; nil without one.
  func take(_ sql: String) -> OpaquePointer? {
    entries.removeValue(forKey: sql)?.handle
  }

  /// Takes a statement back that is no longer used.
  func put(_ handle: OpaquePointer, of sql: String) {
    // Reset at once: a statement that stands on a row would keep its transaction from ending.
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
    guard !isClosed, entries[sql] == nil else {
      sqlite3_finalize(handle)
      return
    }
    clock += 1
    entries[sql] = Entry(handle: handle, returned: clock)
    if entries.count > limit,
      let oldest = entries.min(by: { $0.value.returned < $1.value.returned })?.key
    {
      sqlite3_finalize(take(oldest))
    }
  }

  /// Finalizes all; what comes back later is finalized then.
  func close() {
    isClosed = true
    for entry in entries.values { sqlite3_finalize(entry.handle) }
    entries = [:]
  }
}

import CPostgreSQL

/// What a server says beside its answers, as far as it bears on the outcome.
final class ConnectionNotices {
  /// The server has said that it ends the connection.
  private(set) var isEnding = false
  /// A commit was acknowledged before its standby had it, because the wait was cut short.
  private(set) var hasUnreplicatedCommit = false

  func forgetCommit() {
    hasUnreplicatedCommit = false
  }

  /// Has libpq call this object in place of writing to standard error.
  ///
  /// The object must live as long as the connection.
  func attach(to connection: OpaquePointer) {
    PQsetNoticeReceiver(
      connection,
      { argument, result in
        guard let argument, let result else { return }
        Unmanaged<ConnectionNotices>.fromOpaque(argument).takeUnretainedValue().receive(result)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  private func receive(_ result: OpaquePointer) {
    // Severities and functions are not translated in these two fields.
    let severity = ServerError.field(duckmesh_pg_severity, of: result)
    if severity == "FATAL" || severity == "PANIC" { isEnding = true }
    if severity == "WARNING",
      ServerError.field(duckmesh_pg_source_function, of: result) == "SyncRepWaitForLSN"
    {
      hasUnreplicatedCommit = true
    }
  }
}

import CPostgreSQL
import Runtime

extension Connection {
  /// Runs a text of several statements by the simple protocol.
  func script(_ sql: String, until deadline: MonotonicInstant) throws(ExchangeError) {
    guard !hasEnded() else {
      breakOff()
      throw .untouched(reason: "the server has ended the connection")
    }
    guard PQexitPipelineMode(handle) == 1, PQsendQuery(handle, sql) == 1 else {
      breakOff()
      throw .lost(reason: "the connection broke while a statement was sent")
    }
    var refusal: ServerError?
    // Nothing more to come means that the server is ready for the next statement.
    while let result = try nextResult(until: deadline) {
      switch PQresultStatus(result.pointer) {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
      default: if refusal == nil { refusal = ServerError(result.pointer) }
      }
      guard PQstatus(handle) == CONNECTION_OK else { break }
    }
    guard PQstatus(handle) == CONNECTION_OK, PQenterPipelineMode(handle) == 1 else {
      breakOff()
      throw .lost(reason: "the connection broke before the answer was complete")
    }
    if let refusal { throw .refused(sqlState: refusal.sqlState, message: refusal.message) }
  }

  /// Refuses to call a commit done whose wait for the standby was cut short.
  func checkReplication() throws(PostgreSQLError) {
    guard notices.hasUnreplicatedCommit else { return }
    throw .outcomeUnknown(reason: "the standby has not confirmed the commit")
  }
}

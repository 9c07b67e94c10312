import CPostgreSQL

/// What a server's refusal says.
struct ServerError {
  let sqlState: String
  /// Its main sentence alone: details and context hold values and statements.
  let message: String

  /// Reads a failed result; nil when the failure is libpq's own and no word of the server's.
  init?(_ result: OpaquePointer) {
    guard let sqlState = Self.field(duckmesh_pg_sqlstate, of: result) else { return nil }
    self.sqlState = sqlState
    message = Self.field(duckmesh_pg_message, of: result) ?? ""
  }

  static func field(_ code: Int32, of result: OpaquePointer) -> String? {
    PQresultErrorField(result, code).map { String(cString: $0) }
  }
}

import SimdJSON
import Testing

/// Writers of one keyed table `stock(id BIGINT, note VARCHAR)`, and what they were told.
extension APIClient {
  static let stock = "stock"

  @discardableResult
  func createStock(onExistingKey rule: String? = nil) async throws -> Reply {
    let option = rule.map { #", "on_existing_key": "\#($0)""# } ?? ""
    return try await createTable(
      Self.stock, "id BIGINT", "note VARCHAR", more: #", "primary_key_cols": ["id"]\#(option)"#)
  }

  /// One record as the request's JSON has it.
  static func record(_ key: String, _ operation: String, _ payload: String) -> String {
    #"{"idempotency_key": "\#(key)", "op": "\#(operation)", "payload": \#(payload)}"#
  }

  func change(_ records: [String], more: String = "", table: String = stock) async throws -> Reply {
    try await post(
      "/v1/ingest/\(table)", #"{"records": [\#(records.joined(separator: ", "))]\#(more)}"#)
  }

  func changeVisibly(_ records: String...) async throws -> Reply {
    try await change(
      records, more: #", "wait_for_visibility": true, "visibility_timeout_ms": 60000"#)
  }

  func stockRows(more: String = "") async throws -> String {
    let reply = try await query(
      "SELECT * FROM \(Self.stock) ORDER BY id",
      more: #", "consistency_timeout_ms": 60000, "row_limit": 1000000"# + more)
    guard reply.status == 200 else { return "\(reply.status) \(reply.text)" }
    return reply["rows"]?.compactText ?? reply.text
  }
}

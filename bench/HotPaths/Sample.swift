import Edge
import IngestBus
import Model

/// The row that the benchmarks store, without its chance: every run has the same bytes.
enum Sample {
  static func schema() throws -> TableSchema {
    try TableSchema(columns: [
      .init(name: "event_id", type: .scalar(.uuid)),
      .init(name: "occurred_at", type: .scalar(.timestampTZ)),
      .init(name: "item", type: .scalar(.integer)),
      .init(name: "user_id", type: .scalar(.bigint)),
      .init(name: "kind", type: .scalar(.varchar)),
      .init(name: "path", type: .scalar(.varchar)),
      .init(name: "country", type: .scalar(.varchar)),
      .init(name: "duration_ms", type: .scalar(.double)),
      .init(name: "amount", type: .scalar(.decimal(precision: 12, scale: 2))),
      .init(name: "is_mobile", type: .scalar(.boolean)),
      .init(name: "referrer", type: .scalar(.varchar)),
    ])
  }

  static func table() throws -> IngestTable {
    IngestTable(tenant: TenantID(1), table: TableID(1), schema: try schema())
  }

  /// A key in the form of a UUID whose last twelve digits are the number.
  static func key(_ number: Int) -> String {
    let digits = String(number + 100_000_000_000)
    return "019f2d3c-8a11-7000-8000-\(digits)"
  }

  static func payload(_ number: Int) -> String {
    let second = 10 + number % 50
    return """
      {"event_id":"\(key(number))","occurred_at":"2026-05-01T10:00:\(second).250000Z",\
      "item":\(1_000 + number % 9_000),"user_id":\(1_000_000_000 + number * 7_919),\
      "kind":"add_to_cart","path":"/kitchen/product-\(100 + number % 300)","country":"DE",\
      "duration_ms":\(100 + number % 900).25,"amount":\(1_000 + number % 9_000).75,\
      "is_mobile":true,"referrer":"https://example.org/kitchen?campaign=c\(100 + number % 800)"}
      """
  }

  static func request(_ records: Int) -> [UInt8] {
    let texts = (0..<records).map {
      #"{"idempotency_key":"\#(key($0))","op":"insert","payload":\#(payload($0))}"#
    }
    return Array(#"{"records":[\#(texts.joined(separator: ","))]}"#.utf8)
  }

  static func run(_ records: Int, from first: Int = 0, table: TableID = TableID(1)) -> EventRun {
    EventRun(
      table: table, schemaVersion: 1, traceID: "0af7651916cd43dd8448eb211c80319c",
      records: (first..<first + records).map {
        EventRecord(
          operation: .insert, idempotencyKey: Array(key($0).utf8),
          payload: Array(payload($0).utf8))
      })
  }

  /// A request of one record under a key of its own.
  static func request(of number: Int, table: TableID) -> PublishRequest {
    // Spread over the keys as hashes are.
    let hash = UInt64(number + 1) &* 0x9E37_79B9_7F4A_7C15
    return PublishRequest(
      table: table, schemaVersion: 1,
      records: [.init(key: KeyHash(high: hash, low: UInt64(number)), content: Int64(number))])
  }
}

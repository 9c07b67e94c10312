import Edge
import Model
import SimdJSON

/// Tables and requests for the edge's tests.
enum EdgeFixture {
  static func table(
    _ columns: [ColumnDefinition], eventTimeColumn: String? = nil, tenant: Int64 = 1,
    table: Int64 = 1
  ) throws -> IngestTable {
    IngestTable(
      tenant: TenantID(tenant), table: TableID(table), schema: try TableSchema(columns: columns),
      eventTimeColumn: eventTimeColumn)
  }

  /// A table with one nullable column `x`.
  static func table(_ type: ColumnType) throws -> IngestTable {
    try table([ColumnDefinition(name: "x", type: type)])
  }

  static func parse(
    _ body: String, for table: IngestTable, limits: IngestLimits = IngestLimits()
  ) throws(EdgeError) -> IngestRequest {
    try IngestParser(limits: limits).parse(Array(body.utf8), for: table)
  }

  /// A request of one record with this payload.
  static func parse(
    payload: String, eventTime: String? = nil, for table: IngestTable
  ) throws(EdgeError) -> IngestRequest {
    let member = eventTime.map { ",\"event_time\":\($0)" } ?? ""
    let record = "\"idempotency_key\":\"k\",\"op\":\"insert\",\"payload\":\(payload)\(member)"
    return try parse("{\"records\":[{\(record)}]}", for: table)
  }

  static func payloadText(_ request: IngestRequest, _ index: Int = 0) -> String {
    String(decoding: request.payload(of: request.records[index]), as: UTF8.self)
  }
}

import Catalog
import Model

/// What the engine must know of a table to write its rows; the same in the server and in a probe.
struct RowShape: Codable, Equatable, Sendable {
  struct Column: Codable, Equatable, Sendable {
    let name: String
    let fieldID: Int64
  }

  /// The engine's table of positions and payloads that `source` reads.
  static let batchTable = "batch"

  let columns: [Column]
  /// The SELECT list over `source`.
  let projection: String
  /// The FROM item.
  let source: String

  init(_ table: TableRecord) {
    let schema = table.definition.schema
    columns = zip(schema.columns, table.columnIDs).map { Column(name: $0.name, fieldID: $1) }
    projection = schema.materializationProjection
    source = schema.materializationSource(over: Self.batchTable)
  }
}

import Catalog
import Model

/// What the engine must know of a table to write its rows; the same in the server and in a probe.
package struct RowShape: Codable, Equatable, Sendable {
  /// The engine's table of positions, operations and payloads that `source` reads.
  static let batchTable = "batch"

  /// The token of the event that a row of a keyed table comes from. No column of the table: whoever
  /// applies an event later than its turn must know what the row is newer than.
  package static let tokenColumn = "_duckmesh_token"
  package static let tokenFieldID: Int64 = 2_147_482_647

  let columns: [FieldID]
  /// The SELECT list over `source`.
  let projection: String
  /// The FROM item.
  let source: String
  /// Nil for a table without a primary key.
  let key: KeyShape?

  /// The columns that a file of it has, those within nested ones each for itself.
  var leafCount: Int { columns.leafCount }

  init(_ table: TableRecord) {
    let schema = table.definition.schema
    columns = table.fieldIDs
    projection = schema.materializationProjection
    source = schema.materializationSource(over: Self.batchTable)
    key = KeyShape(table)
  }
}

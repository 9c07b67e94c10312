import Catalog
import Model

/// What the engine must know of a table's primary key; the same in the server and in a probe.
struct KeyShape: Codable, Equatable, Sendable {
  struct Column: Codable, Equatable, Sendable {
    /// As SQL spells it.
    let type: String
    let fieldID: Int64
    /// The value, over `source`.
    let expression: String
    /// Whether the bounds that the catalog keeps of a file's values can be compared.
    let hasBounds: Bool
  }

  /// The engine's table of each event's token, operation and key, in columns `k0`, `k1`, ….
  static let eventTable = "keyed_event"
  /// What became of each event of `eventTable`.
  static let outcomeTable = "keyed_outcome"

  let columns: [Column]
  /// The FROM item for the columns' expressions.
  let source: String
  /// The FROM item for the rows of the events that make one.
  let rowSource: String
  /// Whether an insert whose key is in the table becomes a dead letter.
  let refusesExisting: Bool

  /// - Returns: nil for a table without a primary key.
  init?(_ table: TableRecord) {
    let definition = table.definition
    let schema = definition.schema
    guard definition.isKeyed else { return nil }
    let names = definition.primaryKey
    let expressions = schema.materializationExpressions(of: names)
    let ids = table.primaryKeyColumnIDs
    let types = names.compactMap { schema.column(named: $0)?.type }
    precondition(
      expressions.count == names.count && ids.count == names.count && types.count == names.count,
      "a primary key has columns of the table")
    columns = names.indices.map { index in
      Column(
        type: types[index].sqlName, fieldID: ids[index], expression: expressions[index],
        hasBounds: types[index].hasComparableBounds)
    }
    source = schema.materializationSource(over: RowShape.batchTable, of: names)
    rowSource = schema.materializationSource(
      over: """
        (SELECT * FROM \(RowShape.batchTable) SEMI JOIN \
        (SELECT token AS position FROM \(Self.outcomeTable) \
        WHERE wins AND operation <> \(IngestOperation.delete.rawValue)) USING (position))
        """)
    refusesExisting = definition.onExistingKey == .deadLetter
  }

  /// A hash of the columns `k0`, `k1`, … as hexadecimal text; null when one of them is null.
  ///
  /// Two values of a column give the same hash exactly if they are equal, also after its type was
  /// widened. The lengths keep neighbours apart.
  var hash: String {
    let texts = columns.enumerated().map { index, column in
      let text = Self.text(of: "k\(index)", type: column.type)
      return "length(\(text)) || ':' || \(text)"
    }
    return "sha256(\(texts.joined(separator: " || ")))"
  }

  private static func text(of name: String, type: String) -> String {
    switch type.uppercased() {
    // The text of an instant depends on the session's time zone.
    case "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ": "epoch_us(\(name))::VARCHAR"
    case let type where type.hasPrefix("DECIMAL"):
      "rtrim(rtrim(\(name)::VARCHAR || CASE WHEN contains(\(name)::VARCHAR, '.') THEN '' "
        + "ELSE '.' END, '0'), '.')"
    default: "\(name)::VARCHAR"
    }
  }

  /// `k0, k1, …`, each behind a prefix such as `lake.`.
  func names(_ prefix: String = "") -> String {
    columns.indices.map { "\(prefix)k\($0)" }.joined(separator: ", ")
  }
}

extension ColumnType {
  /// Whether the least and the greatest value of a file, as the catalog keeps them, can be cast
  /// back and bound the file's values.
  fileprivate var hasComparableBounds: Bool {
    guard case .scalar(let scalar) = self else { return false }
    return switch scalar {
    case .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger, .ubigint,
      .decimal, .varchar, .date, .time, .timestamp, .timestampS, .timestampMS, .timestampNS,
      .timestampTZ, .uuid:
      true
    case .boolean, .float, .double, .blob, .json: false
    }
  }
}

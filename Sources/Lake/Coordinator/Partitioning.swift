import Catalog
import DuckDB
import Model

/// How the engine computes in which partition a row is, and what its files are called.
struct Partitioning: Sendable {
  struct Field: Sendable {
    /// SQL over the table's columns: the value as DuckLake writes it, or null.
    let expression: String
    /// What hive-style paths call the field.
    let pathName: String
  }

  let id: Int64
  let fields: [Field]

  /// - Returns: nil for a table without partitions.
  init?(_ table: TableRecord) {
    let layout = table.definition.layout
    guard let id = table.partitioningID, layout.isPartitioned else { return nil }
    self.id = id
    var taken: Set<String> = []
    fields = layout.partitioning.map { field in
      let name = field.transform == .identity ? field.column : field.transform.name
      let isFree = taken.insert(name).inserted
      return Field(
        expression: Self.expression(
          field, type: table.definition.schema.column(named: field.column)?.type),
        pathName: isFree ? name : "\(name)_\(field.column)")
    }
  }

  private static let hashOfInteger = "_duckmesh_hash_integer"
  private static let hashOfText = "_duckmesh_hash_text"

  /// Makes the functions that expressions call known to an engine.
  static func register(in instance: DuckDBInstance) throws(DuckDBError) {
    let connection = try instance.connect()
    try connection.register(hashOfInteger, ofIntegers: BucketHash.hash)
    try connection.register(hashOfText, ofTexts: BucketHash.hash)
  }

  private static func expression(_ field: PartitionField, type: ColumnType?) -> String {
    let column = SQLText.identifier(field.column)
    switch field.transform {
    case .identity: return "\(column)::VARCHAR"
    // Of instants in the engine's time zone, which is UTC.
    case .year, .month, .day, .hour: return "\(field.transform.name)(\(column))::VARCHAR"
    case .bucket(let count):
      let hash =
        switch type {
        case .scalar(.varchar), .scalar(.uuid): "\(hashOfText)(\(column)::VARCHAR)"
        case .scalar(.date): "\(hashOfInteger)(\(column) - DATE '1970-01-01')"
        case .scalar(.timestamp), .scalar(.timestampTZ): "\(hashOfInteger)(epoch_us(\(column)))"
        default: "\(hashOfInteger)(\(column)::BIGINT)"
        }
      return "(\(hash) % \(count))::VARCHAR"
    }
  }

  /// The hive-style folders of a partition below the table's, with a trailing slash.
  func folder(of values: [String?]) -> String {
    zip(fields, values).map { "\($0.pathName)=\(Self.pathText($1))/" }.joined()
  }

  /// Longer ones would not fit into a path beside others: what a path says is for people, readers
  /// take the values from the catalog.
  private static let maxPathTextBytes = 64

  private static func pathText(_ value: String?) -> String {
    guard let value else { return "__HIVE_DEFAULT_PARTITION__" }
    let text = escaped(value)
    guard text.utf8.count > maxPathTextBytes else { return text }
    return "__LONG_" + String(Array(value.utf8).withUnsafeBytes(BucketHash.hash))
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."), UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += byte < 16 ? "%0" + digits : "%" + digits
      }
    }
    return text
  }
}

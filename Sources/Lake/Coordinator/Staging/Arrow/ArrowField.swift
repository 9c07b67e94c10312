import DuckDB
import Model

/// One column of an Arrow stream, as its schema has it.
struct ArrowField {
  /// How a column's values lie in memory.
  enum Layout: Equatable {
    case null
    case bits
    case fixed(byteCount: Int)
    /// Offsets of that many bytes, then the bytes that they cut.
    case bytes(offsetBytes: Int, isText: Bool)
    case list(offsetBytes: Int)
    case fixedList(count: Int)
    case structure
  }

  let name: String
  let format: String
  /// What the engine makes of it.
  let sqlType: String
  let layout: Layout
  let children: [ArrowField]
  /// The dictionary whose entries the column's numbers name, with the entries' type.
  let dictionaryID: Int64?
  let values: [ArrowField]

  private static let deepest = 16

  init(_ table: FlatTable, depth: Int = 0) throws(ArrowStreamError) {
    guard depth < Self.deepest else { throw .tooLarge("the nesting of its types") }
    name = try table.text(0) ?? ""
    var children: [ArrowField] = []
    for child in try table.tables(5) {
      children.append(try ArrowField(child, depth: depth + 1))
    }
    let shape = try Self.shape(
      of: try table.number(2, as: UInt8.self), try table.table(3), children)
    guard let dictionary = try table.table(4) else {
      self.children = children
      (format, sqlType, layout) = shape
      dictionaryID = nil
      values = []
      return
    }
    let index = try dictionary.table(1)
    let number = try Self.integer(
      bits: try index?.number(0, as: Int32.self) ?? 32, isSigned: try index?.flag(1) ?? true)
    (format, layout) = (number.0, number.2)
    sqlType = shape.1
    self.children = []
    dictionaryID = try dictionary.number(0, as: Int64.self)
    values = [ArrowField(name: name, shape, children: children)]
  }

  private init(name: String, _ shape: (String, String, Layout), children: [ArrowField]) {
    self.name = name
    (format, sqlType, layout) = shape
    self.children = children
    dictionaryID = nil
    values = []
  }

  var duckDB: DuckDBArrowInput {
    DuckDBArrowInput(
      name: name, format: format, children: children.map(\.duckDB),
      dictionary: values.first?.duckDB)
  }

  private typealias Shape = (String, String, Layout)

  /// Numbers as `Schema.fbs` of the format gives them to types.
  private static func shape(
    of type: UInt8, _ table: FlatTable?, _ children: [ArrowField]
  ) throws(ArrowStreamError) -> Shape {
    guard let table else { throw .malformed }
    switch type {
    case 1: return ("n", "\"NULL\"", .null)
    case 2:
      return try integer(
        bits: try table.number(0, as: Int32.self), isSigned: try table.flag(1))
    case 3:
      switch try table.number(0, as: Int16.self) {
      case 1: return ("f", "FLOAT", .fixed(byteCount: 4))
      case 2: return ("g", "DOUBLE", .fixed(byteCount: 8))
      default: throw .unsupported("a column of 16-bit floats")
      }
    case 4: return ("z", "BLOB", .bytes(offsetBytes: 4, isText: false))
    case 5: return ("u", "VARCHAR", .bytes(offsetBytes: 4, isText: true))
    case 6: return ("b", "BOOLEAN", .bits)
    case 7: return try decimal(table)
    case 8, 9, 10: return try time(type, table)
    case 12:
      guard children.count == 1 else { throw .malformed }
      return ("+l", "\(children[0].sqlType)[]", .list(offsetBytes: 4))
    case 13: return ("+s", structure(children), .structure)
    case 15:
      let count = Int(try table.number(0, as: Int32.self))
      guard count > 0 else { throw .malformed }
      return ("w:\(count)", "BLOB", .fixed(byteCount: count))
    case 16:
      let count = Int(try table.number(0, as: Int32.self))
      guard count > 0, children.count == 1 else { throw .malformed }
      return ("+w:\(count)", "\(children[0].sqlType)[\(count)]", .fixedList(count: count))
    case 17:
      guard children.count == 1, children[0].children.count == 2 else { throw .malformed }
      let entry = children[0].children
      return ("+m", "MAP(\(entry[0].sqlType), \(entry[1].sqlType))", .list(offsetBytes: 4))
    case 19: return ("Z", "BLOB", .bytes(offsetBytes: 8, isText: false))
    case 20: return ("U", "VARCHAR", .bytes(offsetBytes: 8, isText: true))
    case 21:
      guard children.count == 1 else { throw .malformed }
      return ("+L", "\(children[0].sqlType)[]", .list(offsetBytes: 8))
    case 11: throw .unsupported("a column of intervals")
    case 18: throw .unsupported("a column of durations")
    case 23, 24: throw .unsupported("a column of views")
    default: throw .unsupported("a column of Arrow's type \(type)")
    }
  }

  private static func integer(bits: Int32, isSigned: Bool) throws(ArrowStreamError) -> Shape {
    switch (bits, isSigned) {
    case (8, true): return ("c", "TINYINT", .fixed(byteCount: 1))
    case (8, false): return ("C", "UTINYINT", .fixed(byteCount: 1))
    case (16, true): return ("s", "SMALLINT", .fixed(byteCount: 2))
    case (16, false): return ("S", "USMALLINT", .fixed(byteCount: 2))
    case (32, true): return ("i", "INTEGER", .fixed(byteCount: 4))
    case (32, false): return ("I", "UINTEGER", .fixed(byteCount: 4))
    case (64, true): return ("l", "BIGINT", .fixed(byteCount: 8))
    case (64, false): return ("L", "UBIGINT", .fixed(byteCount: 8))
    default: throw .malformed
    }
  }

  private static func decimal(_ table: FlatTable) throws(ArrowStreamError) -> Shape {
    let precision = try table.number(0, as: Int32.self)
    let scale = try table.number(1, as: Int32.self)
    guard try table.number(2, as: Int32.self, otherwise: 128) == 128 else {
      throw .unsupported("a decimal of other than 128 bits")
    }
    guard (1...38).contains(precision), (0...precision).contains(scale) else {
      throw .unsupported("a decimal of \(precision) digits, \(scale) of them behind the point,")
    }
    return (
      "d:\(precision),\(scale)", "DECIMAL(\(precision),\(scale))", .fixed(byteCount: 16)
    )
  }

  private static func time(_ type: UInt8, _ table: FlatTable) throws(ArrowStreamError) -> Shape {
    let units = ["s", "m", "u", "n"]
    // Days and milliseconds are what dates and times have where nothing is said.
    let unit = Int(try table.number(0, as: Int16.self, otherwise: type == 10 ? 0 : 1))
    guard units.indices.contains(unit) else { throw .malformed }
    switch type {
    case 8:
      return unit == 0
        ? ("tdD", "DATE", .fixed(byteCount: 4)) : ("tdm", "DATE", .fixed(byteCount: 8))
    case 9:
      // The engine's time has microseconds; with nanoseconds one might be lost.
      guard unit != 3 else { throw .unsupported("a time of nanoseconds") }
      return ("tt\(units[unit])", "TIME", .fixed(byteCount: unit < 2 ? 4 : 8))
    default:
      let zone = try table.text(1) ?? ""
      guard !zone.contains("\0") else { throw .malformed }
      if !zone.isEmpty {
        guard unit != 3 else { throw .unsupported("an instant of nanoseconds") }
        return ("ts\(units[unit]):UTC", "TIMESTAMP WITH TIME ZONE", .fixed(byteCount: 8))
      }
      let names = ["TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"]
      return ("ts\(units[unit]):", names[unit], .fixed(byteCount: 8))
    }
  }

  private static func structure(_ children: [ArrowField]) -> String {
    let members = children.map { "\(SQLText.identifier($0.name)) \($0.sqlType)" }
    return "STRUCT(\(members.joined(separator: ", ")))"
  }
}

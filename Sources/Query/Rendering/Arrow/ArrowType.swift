import DuckDB

/// What Arrow's metadata says of a type, and how its values lie in buffers.
struct ArrowType: Sendable {
  /// The buffers of an array, in their order; children follow.
  enum Layout: Sendable {
    /// No buffers: every value is NULL.
    case null
    /// Validity, and a bit a value.
    case bits
    /// Validity, and so many bytes a value.
    case fixed(bytes: Int)
    /// Validity, offsets of so many bytes, and what they point into.
    case variable(offsetBytes: Int)
    /// Validity and offsets; one child.
    case list(offsetBytes: Int)
    /// Validity; one child with so many values a value.
    case fixedList(size: Int)
    /// Validity; children of the same length.
    case structure
    /// A byte a value that tells the child; children of the same length.
    case sparseUnion
  }

  /// The member of the union `Type` of Arrow's Schema.fbs.
  let number: UInt8
  let fields: [FlatBuffer.Field]
  let layout: Layout

  private init(_ number: UInt8, _ fields: [FlatBuffer.Field] = [], _ layout: Layout) {
    self.number = number
    self.fields = fields
    self.layout = layout
  }

  /// Reads the spelling of the C data interface.
  ///
  /// - Throws: `.notImplemented` for a format that this has no form for.
  init(_ field: DuckDBArrowField) throws(DuckDBError) {
    let format = field.format
    if let simple = Self.simple[format] {
      self = simple
    } else if let parameterised = Self.parameterised(field) {
      self = parameterised
    } else {
      throw DuckDBError(
        kind: .notImplemented, message: "Not implemented Error: no Arrow form of a column")
    }
  }

  private static func integer(_ bits: Int32, signed: Bool) -> ArrowType {
    ArrowType(2, [.init(0, .int(bits)), .init(1, .bool(signed))], .fixed(bytes: Int(bits) / 8))
  }

  private static func float(precision: Int16, bytes: Int) -> ArrowType {
    ArrowType(3, [.init(0, .short(precision))], .fixed(bytes: bytes))
  }

  private static func time(unit: Int16, bits: Int32) -> ArrowType {
    ArrowType(9, [.init(0, .short(unit)), .init(1, .int(bits))], .fixed(bytes: Int(bits) / 8))
  }

  private static let simple: [String: ArrowType] = [
    "n": ArrowType(1, [], .null), "b": ArrowType(6, [], .bits),
    "c": integer(8, signed: true), "C": integer(8, signed: false),
    "s": integer(16, signed: true), "S": integer(16, signed: false),
    "i": integer(32, signed: true), "I": integer(32, signed: false),
    "l": integer(64, signed: true), "L": integer(64, signed: false),
    "e": float(precision: 0, bytes: 2), "f": float(precision: 1, bytes: 4),
    "g": float(precision: 2, bytes: 8),
    "z": ArrowType(4, [], .variable(offsetBytes: 4)),
    "Z": ArrowType(19, [], .variable(offsetBytes: 8)),
    "u": ArrowType(5, [], .variable(offsetBytes: 4)),
    "U": ArrowType(20, [], .variable(offsetBytes: 8)),
    "tdD": ArrowType(8, [.init(0, .short(0))], .fixed(bytes: 4)),
    "tdm": ArrowType(8, [.init(0, .short(1))], .fixed(bytes: 8)),
    "tts": time(unit: 0, bits: 32), "ttm": time(unit: 1, bits: 32),
    "ttu": time(unit: 2, bits: 64), "ttn": time(unit: 3, bits: 64),
    "tDs": ArrowType(18, [.init(0, .short(0))], .fixed(bytes: 8)),
    "tDm": ArrowType(18, [.init(0, .short(1))], .fixed(bytes: 8)),
    "tDu": ArrowType(18, [.init(0, .short(2))], .fixed(bytes: 8)),
    "tDn": ArrowType(18, [.init(0, .short(3))], .fixed(bytes: 8)),
    "tin": ArrowType(11, [.init(0, .short(2))], .fixed(bytes: 16)),
    "+l": ArrowType(12, [], .list(offsetBytes: 4)),
    "+L": ArrowType(21, [], .list(offsetBytes: 8)),
    "+s": ArrowType(13, [], .structure),
  ]

  private static func parameterised(_ field: DuckDBArrowField) -> ArrowType? {
    let format = field.format
    if format == "+m" {
      return ArrowType(17, [.init(0, .bool(field.areKeysSorted))], .list(offsetBytes: 4))
    }
    if format.hasPrefix("ts") { return timestamp(format) }
    guard let colon = format.firstIndex(of: ":") else { return nil }
    let numbers = format[format.index(after: colon)...].split(separator: ",").map { Int32($0) }
    guard !numbers.contains(nil) else { return nil }
    let parameters = numbers.compactMap(\.self)
    switch (format[..<colon], parameters.count) {
    case ("d", 2), ("d", 3):
      let bits = parameters.count == 3 ? parameters[2] : 128
      return ArrowType(
        7,
        [.init(0, .int(parameters[0])), .init(1, .int(parameters[1])), .init(2, .int(bits))],
        .fixed(bytes: Int(bits) / 8))
    case ("w", 1):
      return ArrowType(15, [.init(0, .int(parameters[0]))], .fixed(bytes: Int(parameters[0])))
    case ("+w", 1):
      return ArrowType(16, [.init(0, .int(parameters[0]))], .fixedList(size: Int(parameters[0])))
    case ("+us", _):
      return ArrowType(14, [.init(0, .short(0)), .init(1, .ints(parameters))], .sparseUnion)
    default: return nil
    }
  }

  /// `tsu:UTC`: the unit, and a time zone unless it is empty.
  private static func timestamp(_ format: String) -> ArrowType? {
    let units: [Character: Int16] = ["s": 0, "m": 1, "u": 2, "n": 3]
    let letters = Array(format.prefix(4))
    guard letters.count == 4, letters[3] == ":", let unit = units[letters[2]] else { return nil }
    let zone = String(format.dropFirst(4))
    let fields = [FlatBuffer.Field(0, .short(unit))]
    return ArrowType(
      10, zone.isEmpty ? fields : fields + [.init(1, .text(zone))], .fixed(bytes: 8))
  }
}

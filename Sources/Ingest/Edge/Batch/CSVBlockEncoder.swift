import Model
import SimdJSON

/// Writes CSV records (RFC 4180, a header first) as the payloads that they stand for.
///
/// An empty field without quotes is NULL, `""` an empty text. A number, `true` or `false`, and a
/// JSON value stand as they are in columns that take them; what does not fit becomes a JSON string,
/// which the payload's check then refuses like any other.
final class CSVBlockEncoder {
  struct Field {
    var bytes: [UInt8]
    var isQuoted: Bool
  }

  struct Row {
    var fields: [Field]
    /// Index of the first byte behind the record.
    var end: Int
    /// Line feeds in it.
    var lines: Int
    var hasStrayQuote: Bool

    var isBlank: Bool { fields.count == 1 && fields[0].bytes.isEmpty && !fields[0].isQuoted }
  }

  private let types: [ColumnType]
  /// Each column's name with the quotes and the colon.
  private let names: [[UInt8]]
  private var json = JSONParser()

  init(header: [Field], table: IngestTable) throws(BatchError) {
    var types: [ColumnType] = []
    var names: [[UInt8]] = []
    var seen: Set<String> = []
    for field in header {
      let name = String(decoding: field.bytes, as: UTF8.self)
      guard let column = table.schema.columns.first(where: { $0.name == name }) else {
        throw .unknownColumn(
          name: String(name.prefix(64)),
          suggestion: NameSuggestion.nearest(
            to: name, among: table.schema.columns.lazy.map(\.name)))
      }
      guard seen.insert(name).inserted else { throw .columnTwice(name: name) }
      types.append(column.type)
      names.append(Array("\"\(name)\":".utf8))
    }
    self.types = types
    self.names = names
  }

  /// What is wrong with the number of fields.
  func misfit(_ fields: [Field]) -> String? {
    fields.count == types.count
      ? nil : "\(fields.count) fields where the header names \(types.count)"
  }

  func append(_ fields: [Field], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    for index in 0..<min(fields.count, types.count) {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      output.append(contentsOf: names[index])
      append(fields[index], as: types[index], to: &output)
    }
    output.append(UInt8(ascii: "}"))
  }

  private func append(_ field: Field, as type: ColumnType, to output: inout [UInt8]) {
    if field.bytes.isEmpty, !field.isQuoted {
      output.append(contentsOf: "null".utf8)
      return
    }
    field.bytes.withUnsafeBytes { text in
      if standsAsItIs(text, type) {
        output.append(contentsOf: text)
      } else if type == .boolean, let flag = Self.boolean(field.bytes) {
        output.append(contentsOf: flag ? "true".utf8 : "false".utf8)
      } else {
        JSONText.appendQuoted(text, to: &output)
      }
    }
  }

  private func standsAsItIs(_ text: UnsafeRawBufferPointer, _ type: ColumnType) -> Bool {
    switch type {
    case .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger, .ubigint,
      .float, .double, .scalar(.decimal):
      Self.isNumber(text)
    case .json, .list, .structure, .map:
      json.withTokens(of: text) { parsed in (try? parsed.get()) != nil }
    default: false
    }
  }

  /// Whether a text is a number by JSON's grammar.
  private static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    let mark = text.firstIndex { $0 | 0x20 == UInt8(ascii: "e") } ?? text.count
    guard DecimalText.isDecimal(UnsafeRawBufferPointer(rebasing: text[..<mark])) else {
      return false
    }
    guard mark < text.count else { return true }
    var digits = text[(mark + 1)...]
    if digits.first == UInt8(ascii: "+") || digits.first == UInt8(ascii: "-") {
      digits = digits.dropFirst()
    }
    return !digits.isEmpty && digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  private static func boolean(_ text: [UInt8]) -> Bool? {
    switch String(decoding: text, as: UTF8.self).lowercased() {
    case "true": true
    case "false": false
    default: nil
    }
  }

  /// The record at the beginning of `text`.
  ///
  /// A quote where none can be would make readers disagree on where records end.
  /// - Parameter isWhole: whether a record without a line feed at its end is one.
  static func nextRow(of text: ArraySlice<UInt8>, isWhole: Bool) -> Row? {
    guard !text.isEmpty else { return nil }
    return text.withUnsafeBytes { bytes -> Row? in
      var scanner = Scanner(bytes: bytes)
      guard let fields = scanner.row(isWhole: isWhole) else { return nil }
      return Row(
        fields: fields, end: text.startIndex + scanner.position, lines: scanner.lines,
        hasStrayQuote: scanner.hasStrayQuote)
    }
  }

  private struct Scanner {
    let bytes: UnsafeRawBufferPointer
    var position = 0
    var lines = 0
    var hasStrayQuote = false

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func row(isWhole: Bool) -> [Field]? {
      var fields: [Field] = []
      while true {
        fields.append(field())
        guard position < bytes.count else { return isWhole ? fields : nil }
        let isComma = bytes[position] == UInt8(ascii: ",")
        position += 1
        if !isComma {
          lines += 1
          return fields
        }
        if position == bytes.count {
          fields.append(Field(bytes: [], isQuoted: false))
          return isWhole ? fields : nil
        }
      }
    }

    /// Reads up to the comma or line feed behind the field.
    private mutating func field() -> Field {
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
        return Field(bytes: plain(), isQuoted: false)
      }
      position += 1
      var text: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "\"") {
          guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { break }
          position += 1
        } else if byte == 0x0A {
          lines += 1
        }
        text.append(byte)
      }
      if !plain().isEmpty { hasStrayQuote = true }
      return Field(bytes: text, isQuoted: true)
    }

    private mutating func plain() -> [UInt8] {
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: ","),
        bytes[position] != 0x0A
      {
        position += 1
      }
      if bytes[start..<position].contains(UInt8(ascii: "\"")) { hasStrayQuote = true }
      var end = position
      let isAtLineEnd = position == bytes.count || bytes[position] == 0x0A
      if isAtLineEnd, end > start, bytes[end - 1] == 0x0D { end -= 1 }
      return Array(bytes[start..<end])
    }
  }
}

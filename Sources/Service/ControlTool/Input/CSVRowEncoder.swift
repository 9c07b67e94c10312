/// Turns CSV records into JSON objects for a table's columns.
package struct CSVRowEncoder {
  package struct Column {
    package let name: String
    package let type: ColumnType

    package init(name: String, type: ColumnType) {
      self.name = name
      self.type = type
    }
  }

  /// A column as the loop over fields needs it: nothing in it is reference-counted.
  private struct Member {
    let type: ColumnType
    /// Where `,"name":` stands in `memberNames`; the first has `{` for the comma.
    let nameRange: Range<Int>
  }

  /// What is wrong with a record; the reader knows the line.
  package struct Problem: Error, Equatable {
    package var column: String?
    package var reason: String
  }

  package let columns: [Column]
  private let members: [Member]
  private let memberNames: [UInt8]
  package let nulls: NullSpelling
  /// Passes what cannot be converted to the server in a form that it will put into the dead
  /// letters, instead of throwing.
  package let passesBadRowsOn: Bool

  /// - Parameter columns: at least one.
  package init(columns: [Column], nulls: NullSpelling, passesBadRowsOn: Bool) {
    self.columns = columns
    var names: [UInt8] = []
    members = columns.map { column in
      let start = names.count
      names.append(start == 0 ? 0x7B : 0x2C)
      JSONString.append(column.name, to: &names)
      names.append(0x3A)
      return Member(type: column.type, nameRange: start..<names.count)
    }
    memberNames = names
    self.nulls = nulls
    self.passesBadRowsOn = passesBadRowsOn
  }

  /// Appends the record as an object; NULL is `null`.
  ///
  /// - Throws: for a wrong number of fields, a value of another type, bytes that are not UTF-8.
  package func append(
    _ bytes: UnsafeBufferPointer<UInt8>, _ fields: [CSVScanner.Field], to output: inout [UInt8]
  ) throws(Problem) {
    try checkEncoding(bytes, fields)
    if fields.count != columns.count, !passesBadRowsOn {
      throw Problem(
        column: nil, reason: "\(fields.count) fields where \(columns.count) columns are named")
    }
    for index in 0..<min(fields.count, members.count) {
      memberNames.withUnsafeBufferPointer { names in
        let range = members[index].nameRange
        output.append(contentsOf: UnsafeBufferPointer(rebasing: names[range]))
      }
      try append(fields[index], of: bytes, column: index, to: &output)
    }
    if fields.count != columns.count {
      // No table has such a column, so the server names the record as the bad one it is.
      output += ",\"_field_count\":\(fields.count)".utf8
    }
    output.append(0x7D)
  }

  /// The text of one field, doubled quotes resolved.
  package func text(
    of field: CSVScanner.Field, in bytes: UnsafeBufferPointer<UInt8>
  ) -> [UInt8] {
    let raw = UnsafeBufferPointer(rebasing: bytes[field.range])
    return field.hasDoubledQuotes ? Self.withoutDoubledQuotes(raw) : Array(raw)
  }

  package func isNull(_ field: CSVScanner.Field, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    nulls.matches(UnsafeBufferPointer(rebasing: bytes[field.range]), isQuoted: field.isQuoted)
  }

  private func append(
    _ field: CSVScanner.Field, of bytes: UnsafeBufferPointer<UInt8>, column index: Int,
    to output: inout [UInt8]
  ) throws(Problem) {
    let raw = UnsafeBufferPointer(rebasing: bytes[field.range])
    // An empty quoted field is an empty text, and nothing where there is no such thing.
    if nulls.matches(raw, isQuoted: field.isQuoted) || (raw.isEmpty && members[index].type != .text)
    {
      output += "null".utf8
      return
    }
    guard field.hasDoubledQuotes else { return try append(raw, column: index, to: &output) }
    let text = Self.withoutDoubledQuotes(raw)
    let result = text.withUnsafeBufferPointer { pointer in
      Result { () throws(Problem) in try append(pointer, column: index, to: &output) }
    }
    try result.get()
  }

  private func append(
    _ value: UnsafeBufferPointer<UInt8>, column index: Int, to output: inout [UInt8]
  ) throws(Problem) {
    guard let expected = members[index].type.append(value, to: &output) else { return }
    guard passesBadRowsOn else {
      throw Problem(
        column: columns[index].name, reason: "expected \(expected), got \(Self.shown(value))")
    }
    JSONString.append(value, to: &output)
  }

  private func checkEncoding(
    _ bytes: UnsafeBufferPointer<UInt8>, _ fields: [CSVScanner.Field]
  ) throws(Problem) {
    guard let first = fields.first, let last = fields.last else { return }
    let record = bytes[first.range.lowerBound..<last.range.upperBound]
    if UTF8Check.isValid(UnsafeBufferPointer(rebasing: record)) { return }
    let bad = fields.firstIndex {
      !UTF8Check.isValid(UnsafeBufferPointer(rebasing: bytes[$0.range]))
    }
    let column = bad.flatMap { $0 < columns.count ? columns[$0].name : nil }
    throw Problem(column: column, reason: "not UTF-8; convert the file first, with iconv say")
  }

  package static func withoutDoubledQuotes(_ raw: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
      text.append(raw[index])
      index += raw[index] == 0x22 ? 2 : 1
    }
    return text
  }

  private static func shown(_ value: UnsafeBufferPointer<UInt8>) -> String {
    let text = Printable.line(String(decoding: value.prefix(60), as: UTF8.self))
    return "'\(text)\(value.count > 60 ? "…" : "")'"
  }
}

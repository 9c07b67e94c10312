/// The header fields of a request: names and values in one block of bytes, made into `String` only
/// when somebody asks for a value.
///
/// Names are looked up ignoring ASCII case. Order of arrival is kept, repeated fields included.
package struct HTTPHeaders: Sendable {
  struct Field: Sendable {
    let nameStart: Int
    let valueStart: Int
    let valueEnd: Int

    var name: Range<Int> { nameStart..<valueStart }
    var value: Range<Int> { valueStart..<valueEnd }
  }

  private(set) var bytes: [UInt8] = []
  private(set) var fields: [Field] = []

  package init() {
    bytes.reserveCapacity(256)
    fields.reserveCapacity(8)
  }

  package init(_ pairs: [(String, String)]) {
    self.init()
    for (name, value) in pairs {
      var nameCopy = name
      var valueCopy = value
      nameCopy.withUTF8 { nameBytes in
        valueCopy.withUTF8 { valueBytes in
          append(name: UnsafeRawBufferPointer(nameBytes), value: UnsafeRawBufferPointer(valueBytes))
        }
      }
    }
  }

  mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    let nameStart = bytes.count
    bytes.append(contentsOf: name)
    let valueStart = bytes.count
    bytes.append(contentsOf: value)
    fields.append(Field(nameStart: nameStart, valueStart: valueStart, valueEnd: bytes.count))
  }

  package var count: Int { fields.count }

  /// The value of the first field of that name, without the blanks around it; nil when absent.
  package subscript(_ name: String) -> String? {
    guard let field = fields.first(where: { isNamed($0, name) }) else { return nil }
    return string(field)
  }

  /// The values of every field of that name, in order of arrival.
  package func values(of name: String) -> [String] {
    fields.filter { isNamed($0, name) }.map(string)
  }

  package func contains(_ name: String) -> Bool {
    fields.contains { isNamed($0, name) }
  }

  /// Lends the bytes of the first field of that name, so that a credential can be compared without
  /// a `String` being made; nil when absent.
  package func withValue<Result>(
    of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result? {
    guard let field = fields.first(where: { isNamed($0, name) }) else { return nil }
    let range = trimmed(field.value)
    return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  private func string(_ field: Field) -> String {
    String(decoding: bytes[trimmed(field.value)], as: UTF8.self)
  }

  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    return start..<end
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  func isNamed(_ field: Field, _ name: String) -> Bool {
    let utf8 = name.utf8
    guard field.valueStart - field.nameStart == utf8.count else { return false }
    var position = field.nameStart
    for byte in utf8 {
      if ASCII.lowercased(bytes[position]) != ASCII.lowercased(byte) { return false }
      position += 1
    }
    return true
  }
}

/// Walks over JSON (RFC 8259) bytes without building anything, checking every byte.
package struct JSONScanner {
  /// The deepest nesting that is followed.
  package static let maximumDepth = 256

  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position = 0

  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
  }

  /// The next byte that is not white space; nil at the end. It is not consumed.
  package mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      case let byte: return byte
      }
    }
    return nil
  }

  /// - Throws: when the next byte is another one.
  package mutating func expect(_ byte: UInt8) throws(JSONProblem) {
    guard peek() == byte else {
      throw problem("expected \(Character(Unicode.Scalar(byte)))")
    }
    position += 1
  }

  /// Consumes the byte if it comes next.
  package mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  /// Passes one value of any kind and gives its range, white space around it left out.
  package mutating func value(depth: Int = 0) throws(JSONProblem) -> Range<Int> {
    guard let first = peek() else { throw problem("a value is missing") }
    let start = position
    switch first {
    case 0x7B:
      try object(depth: depth) { (scanner, _) throws(JSONProblem) in
        _ = try scanner.value(depth: depth + 1)
      }
    case 0x5B: try array(depth: depth)
    case 0x22: _ = try string()
    case 0x74: try word("true")
    case 0x66: try word("false")
    case 0x6E: try word("null")
    default: try number()
    }
    return start..<position
  }

  /// Passes an object; `member` gets each name's range, quotes included, and passes the value.
  package mutating func object(
    depth: Int = 0,
    member: (inout JSONScanner, Range<Int>) throws(JSONProblem) -> Void
  ) throws(JSONProblem) {
    guard depth < Self.maximumDepth else { throw problem("nested too deeply") }
    try expect(0x7B)
    if take(0x7D) { return }
    repeat {
      guard peek() == 0x22 else { throw problem("expected a member name in quotes") }
      let name = try string()
      try expect(0x3A)
      try member(&self, name)
    } while take(0x2C)
    guard take(0x7D) else { throw problem("expected , or }") }
  }

  private mutating func array(depth: Int) throws(JSONProblem) {
    try array(depth: depth) { (scanner) throws(JSONProblem) in
      _ = try scanner.value(depth: depth + 1)
    }
  }

  /// Passes an array; `element` passes each of its values.
  package mutating func array(
    depth: Int, element: (inout JSONScanner) throws(JSONProblem) -> Void
  ) throws(JSONProblem) {
    guard depth < Self.maximumDepth else { throw problem("nested too deeply") }
    try expect(0x5B)
    if take(0x5D) { return }
    repeat {
      try element(&self)
    } while take(0x2C)
    guard take(0x5D) else { throw problem("expected , or ]") }
  }

  /// Passes a string and gives its range, quotes included. Its UTF-8 is the caller's to check.
  package mutating func string() throws(JSONProblem) -> Range<Int> {
    let start = position
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x22 {
        position += 1
        return start..<position
      }
      guard byte >= 0x20 else { throw problem("a control character inside a string") }
      position += 1
      if byte == 0x5C { try escape() }
    }
    throw problem("a string without its closing quote")
  }

  /// - Throws: when anything but white space is left.
  package mutating func end() throws(JSONProblem) {
    if peek() != nil { throw problem("text after the end of the value") }
  }

  package func problem(_ reason: String) -> JSONProblem {
    JSONProblem(offset: position, reason: reason)
  }

  private mutating func escape() throws(JSONProblem) {
    guard position < bytes.count else { throw problem("a string without its closing quote") }
    switch bytes[position] {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: position += 1
    case 0x75:
      guard position + 4 < bytes.count,
        bytes[(position + 1)...(position + 4)].allSatisfy({ ASCII.hexadecimalValue($0) != nil })
      else { throw problem("\\u needs four hexadecimal digits") }
      position += 5
    default: throw problem("an unknown escape")
    }
  }

  private mutating func word(_ word: StaticString) throws(JSONProblem) {
    let count = word.utf8CodeUnitCount
    guard position + count <= bytes.count,
      (0..<count).allSatisfy({ bytes[position + $0] == word.utf8Start[$0] })
    else { throw problem("not a JSON value") }
    position += count
  }

  private mutating func number() throws(JSONProblem) {
    let rest = UnsafeBufferPointer(rebasing: bytes[position...])
    let count = NumberSyntax.jsonNumberLength(rest)
    guard count > 0 else { throw problem("not a JSON value") }
    position += count
  }
}

/// Appends bytes, LEB128 numbers and counted byte strings.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func counted(_ value: [UInt8]) {
    number(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func signed(_ value: Int64) { number(UInt64(bitPattern: value)) }

  mutating func text(_ value: String) { counted(Array(value.utf8)) }

  mutating func optional<Value>(_ value: Value?, _ write: (inout Self, Value) -> Void) {
    byte(value == nil ? 0 : 1)
    if let value { write(&self, value) }
  }
}

/// Reads what `ByteWriter` wrote; every read is checked against the end.
struct ByteReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func number() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64, let next = byte() {
      value |= UInt64(next & 0x7f) << shift
      if next & 0x80 == 0 { return value }
      shift += 7
    }
    return nil
  }

  mutating func counted() -> ArraySlice<UInt8>? {
    guard let count = number(), count <= UInt64(bytes.count - position) else { return nil }
    defer { position += Int(count) }
    return bytes[position..<position + Int(count)]
  }

  mutating func signed() -> Int64? { number().map { Int64(bitPattern: $0) } }

  mutating func text() -> String? { counted().map { String(decoding: $0, as: UTF8.self) } }

  /// - Returns: nil for damaged bytes, a nil inside for no value.
  mutating func optional<Value>(_ read: (inout Self) -> Value?) -> Value?? {
    switch byte() {
    case 0: return .some(nil)
    case 1:
      guard let value = read(&self) else { return nil }
      return .some(value)
    default: return nil
    }
  }
}

/// The spellings of numbers, by bytes.
package enum NumberSyntax {
  /// How many bytes from the start are one JSON number; 0 when none are.
  package static func jsonNumberLength(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var index = 0
    if index < bytes.count, bytes[index] == 0x2D { index += 1 }
    guard index < bytes.count, ASCII.isDigit(bytes[index]) else { return 0 }
    if bytes[index] == 0x30 {
      index += 1
    } else {
      index = digits(bytes, from: index)
    }
    if index + 1 < bytes.count, bytes[index] == 0x2E, ASCII.isDigit(bytes[index + 1]) {
      index = digits(bytes, from: index + 1)
    }
    if index < bytes.count, bytes[index] | 0x20 == 0x65 {
      var exponent = index + 1
      if exponent < bytes.count, bytes[exponent] == 0x2B || bytes[exponent] == 0x2D {
        exponent += 1
      }
      if exponent < bytes.count, ASCII.isDigit(bytes[exponent]) {
        index = digits(bytes, from: exponent)
      }
    }
    return index
  }

  package static func isJSONNumber(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    !bytes.isEmpty && jsonNumberLength(bytes) == bytes.count
  }

  /// A JSON number without fraction and exponent.
  package static func isJSONInteger(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = 0
    if index < bytes.count, bytes[index] == 0x2D { index += 1 }
    guard index < bytes.count else { return false }
    if bytes[index] == 0x30 { return index + 1 == bytes.count }
    return digits(bytes, from: index) == bytes.count
  }

  /// Whether an integer as `isJSONInteger` has it fits 64 bits with sign.
  package static func fitsInt64(_ integer: UnsafeBufferPointer<UInt8>) -> Bool {
    let isNegative = integer.first == 0x2D
    let digits = UnsafeBufferPointer(rebasing: integer[(isNegative ? 1 : 0)...])
    guard digits.count >= 19 else { return true }
    guard digits.count == 19 else { return false }
    let limit: StaticString = isNegative ? "9223372036854775808" : "9223372036854775807"
    for index in 0..<19 where digits[index] != limit.utf8Start[index] {
      return digits[index] < limit.utf8Start[index]
    }
    return true
  }

  private static func digits(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count, ASCII.isDigit(bytes[index]) { index += 1 }
    return index
  }
}

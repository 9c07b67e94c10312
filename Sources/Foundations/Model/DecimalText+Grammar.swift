extension DecimalText {
  /// Whether a string is digits alone, without needless leading zeros.
  package static func isDigits(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let first = text.first, text.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      return false
    }
    return first != UInt8(ascii: "0") || text.count == 1
  }

  /// Whether a string is a number by JSON's grammar, without an exponent.
  package static func isDecimal(_ text: UnsafeRawBufferPointer) -> Bool {
    var index = text.first == UInt8(ascii: "-") ? 1 : 0
    let integer = index
    while index < text.count, text[index] >= 0x30, text[index] <= 0x39 { index += 1 }
    guard index > integer, text[integer] != UInt8(ascii: "0") || index == integer + 1 else {
      return false
    }
    guard index < text.count else { return true }
    guard text[index] == UInt8(ascii: ".") else { return false }
    let fraction = index + 1
    return fraction < text.count && text[fraction...].allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }
}

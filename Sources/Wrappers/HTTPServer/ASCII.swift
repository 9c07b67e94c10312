/// The few questions about single bytes that the HTTP grammar asks.
enum ASCII {
  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }

  static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  static func isVisible(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F
  }

  static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// RFC 9110 `tchar`: what a method or a field name may consist of.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    guard byte < 128 else { return false }
    let word = byte < 64 ? tokenBytesLow : tokenBytesHigh
    return word & (1 << UInt64(byte & 63)) != 0
  }

  private static let tokenBytesLow = bitmap(from: 0)
  private static let tokenBytesHigh = bitmap(from: 64)

  private static func bitmap(from first: UInt8) -> UInt64 {
    var bits: UInt64 = 0
    let marks = Array("!#$%&'*+-.^_`|~".utf8)
    for offset in UInt8(0)..<64 {
      let byte = first + offset
      let letter = lowercased(byte)
      let isLetter = letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")
      if isLetter || isDigit(byte) || marks.contains(byte) {
        bits |= 1 << UInt64(offset)
      }
    }
    return bits
  }
}

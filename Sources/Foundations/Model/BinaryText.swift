/// Texts that stand for bytes.
enum BinaryText {
  /// Eight, four, four, four and twelve hexadecimal digits with hyphens between them.
  static func isUUID(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == 36 else { return false }
    for (index, byte) in text.enumerated() {
      switch index {
      case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return false }
      default: guard isHexadecimal(byte) else { return false }
      }
    }
    return true
  }

  /// RFC 4648 section 4: padded, and no stray bits before the padding.
  static func isBase64(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count % 4 == 0 else { return false }
    guard !text.isEmpty else { return true }
    var end = text.count
    if text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    if text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    var last: UInt8 = 0
    for byte in text[..<end] {
      guard let value = base64Value(byte) else { return false }
      last = value
    }
    switch text.count - end {
    case 1: return last & 0b11 == 0
    case 2: return last & 0b1111 == 0
    default: return true
    }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
  }

  private static func base64Value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

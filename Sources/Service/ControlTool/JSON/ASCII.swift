/// Tests of single bytes.
enum ASCII {
  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10
  }

  static func hexadecimalValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x41 + 10)
    case 0x61...0x66: UInt32(byte - 0x61 + 10)
    default: nil
    }
  }

  /// Equality without case against a lower-case word.
  static func equals(_ bytes: UnsafeBufferPointer<UInt8>, lowercase word: StaticString) -> Bool {
    bytes.count == word.utf8CodeUnitCount
      && (0..<bytes.count).allSatisfy { bytes[$0] | 0x20 == word.utf8Start[$0] }
  }
}

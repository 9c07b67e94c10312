/// Decoders of the types that DuckDB packs into bytes of its own format.
package enum DuckDBPackedBytes {
  /// A BIT: the number of padding bits in the first byte, then the bits, padding first.
  package static func bitString(_ bytes: UnsafeRawBufferPointer) -> String {
    guard bytes.count > 1 else { return "" }
    var digits: [UInt8] = []
    digits.reserveCapacity((bytes.count - 1) * 8)
    for position in Int(min(bytes[0], 8))..<(bytes.count - 1) * 8 {
      let bit = bytes[1 + position / 8] >> UInt8(7 - position % 8) & 1
      digits.append(0x30 + bit)
    }
    return String(decoding: digits, as: UTF8.self)
  }

  /// A BIGNUM: a header of three bytes whose top bit is set for positive numbers, then the
  /// magnitude, big-endian; all bytes of a negative number are inverted.
  package static func decimalDigits(_ bytes: UnsafeRawBufferPointer) -> String {
    guard bytes.count > 3 else { return "0" }
    let isNegative = bytes[0] & 0x80 == 0
    var limbs = magnitude(bytes[3...], inverted: isNegative)
    var groups: [UInt32] = []
    while let first = limbs.firstIndex(where: { $0 != 0 }) {
      if first > 0 { limbs.removeFirst(first) }
      var remainder: UInt64 = 0
      for index in limbs.indices {
        let dividend = remainder << 32 | UInt64(limbs[index])
        limbs[index] = UInt32(dividend / 1_000_000_000)
        remainder = dividend % 1_000_000_000
      }
      groups.append(UInt32(remainder))
    }
    guard let last = groups.last else { return "0" }
    var digits = (isNegative ? "-" : "") + String(last)
    for group in groups.dropLast().reversed() {
      let text = String(group)
      digits += String(repeating: "0", count: 9 - text.utf8.count) + text
    }
    return digits
  }

  /// A TIMETZ: microseconds in the upper 40 bits, then the offset, stored as 57599 − offset so
  /// that equal instants sort by offset.
  package static func timeWithTimeZone(_ packed: UInt64) -> DuckDBValue {
    .timeWithTimeZone(
      microseconds: Int64(packed >> 24), offsetSeconds: 57_599 - Int32(packed & 0xFF_FFFF))
  }

  /// Big-endian bytes as 32-bit limbs, most significant first.
  private static func magnitude(
    _ bytes: Slice<UnsafeRawBufferPointer>, inverted: Bool
  ) -> [UInt32] {
    var limbs: [UInt32] = []
    limbs.reserveCapacity(bytes.count / 4 + 1)
    var limb: UInt32 = 0
    var missing = (4 - bytes.count % 4) % 4
    for byte in bytes {
      limb = limb << 8 | UInt32(inverted ? ~byte : byte)
      missing += 1
      if missing == 4 {
        limbs.append(limb)
        limb = 0
        missing = 0
      }
    }
    return limbs
  }
}

/// The hash of bucket partitions: Murmur3, 32 bits, seed 0, without its sign, as Iceberg defines it
/// and DuckLake computes it.
package enum BucketHash {
  /// Of whole numbers, and of dates and instants as days and microseconds since 1970.
  package static func hash(_ value: Int64) -> Int32 {
    withUnsafeBytes(of: value.littleEndian) { hash($0) }
  }

  /// Of texts, in UTF-8, and of UUIDs as texts.
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    var hash: UInt32 = 0
    var place = 0
    while place + 4 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
      hash ^= mixed(UInt32(littleEndian: block))
      hash = rotated(hash, by: 13) &* 5 &+ 0xE654_6B64
      place += 4
    }
    var rest: UInt32 = 0
    for index in stride(from: bytes.count - 1, through: place, by: -1) {
      rest = rest << 8 | UInt32(bytes[index])
    }
    if place < bytes.count { hash ^= mixed(rest) }
    hash ^= UInt32(truncatingIfNeeded: bytes.count)
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    hash ^= hash >> 16
    return Int32(truncatingIfNeeded: hash & 0x7FFF_FFFF)
  }

  private static func mixed(_ block: UInt32) -> UInt32 {
    rotated(block &* 0xCC9E_2D51, by: 15) &* 0x1B87_3593
  }

  private static func rotated(_ value: UInt32, by count: UInt32) -> UInt32 {
    value << count | value >> (32 - count)
  }
}

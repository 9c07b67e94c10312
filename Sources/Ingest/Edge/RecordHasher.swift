import Digest
import Model

/// Hashes keys and contents; stored, so never to be changed.
struct RecordHasher: ~Copyable {
  private static let keyDomain = Array("duckmesh key 1\0".utf8)
  private static let contentDomain = Array("duckmesh content 1\0".utf8)

  private var digest = SHA256()
  private let tenant: Int64
  private let table: Int64

  init(tenant: TenantID, table: TableID) {
    self.tenant = tenant.rawValue
    self.table = table.rawValue
  }

  /// 128 bits of a hash over tenant, table incarnation and key.
  ///
  /// A key that holds a time (UUID version 7, ULID) keeps the time in front of 80 bits of the
  /// hash, so that new keys fall together in an index.
  mutating func keyHash(of key: UnsafeRawBufferPointer) -> KeyHash {
    digest.update(Self.keyDomain)
    update(tenant)
    update(table)
    digest.update(key)
    let words = digest.finish().words
    guard let milliseconds = TimeOrderedKey.milliseconds(of: key) else {
      return KeyHash(high: words.0, low: words.1)
    }
    return KeyHash(high: milliseconds << 16 | words.0 & 0xFFFF, low: words.1)
  }

  /// What a record's `event_time` adds to its content.
  enum EventTimeContent {
    case absent
    case instant(Int64)
    /// Not a time: equal only to the same text.
    case text(UnsafeRawBufferPointer)
  }

  mutating func contentHash(
    operation: IngestOperation, eventTime: EventTimeContent, payload: UnsafeRawBufferPointer
  ) -> Int64 {
    digest.update(Self.contentDomain)
    update(Int64(operation.rawValue))
    switch eventTime {
    case .absent: update(0)
    case .instant(let microseconds):
      update(1)
      update(microseconds)
    case .text(let text):
      update(2)
      update(Int64(text.count))
      digest.update(text)
    }
    digest.update(payload)
    return Int64(bitPattern: digest.finish().words.0)
  }

  private mutating func update(_ number: Int64) {
    withUnsafeBytes(of: number.littleEndian) { digest.update($0) }
  }
}

/// Keys that begin with the time at which they were made.
enum TimeOrderedKey {
  /// The 48-bit time of a UUID version 7 or of a ULID; nil for any other key.
  static func milliseconds(of key: UnsafeRawBufferPointer) -> UInt64? {
    switch key.count {
    case 36: uuidTime(key)
    case 26: ulidTime(key)
    default: nil
    }
  }

  private static func uuidTime(_ key: UnsafeRawBufferPointer) -> UInt64? {
    var time: UInt64 = 0
    for index in 0..<36 {
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard key[index] == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = hexDigit(key[index]) else { return nil }
      if index == 14, digit != 7 { return nil }
      if index == 19, digit & 0b1100 != 0b1000 { return nil }
      if index < 13 { time = time << 4 | UInt64(digit) }
    }
    return time
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
  }

  private static func ulidTime(_ key: UnsafeRawBufferPointer) -> UInt64? {
    guard key[0] >= UInt8(ascii: "0"), key[0] <= UInt8(ascii: "7") else { return nil }
    var time: UInt64 = 0
    for index in 0..<26 {
      guard let digit = crockfordDigit(key[index]) else { return nil }
      if index < 10 { time = time << 5 | UInt64(digit) }
    }
    return time
  }

  /// Crockford's base 32 without I, L, O and U, in upper or lower case.
  private static func crockfordDigit(_ byte: UInt8) -> UInt8? {
    if byte >= 0x30, byte <= 0x39 { return byte - 0x30 }
    let letter = byte & 0xDF
    guard letter >= 0x41, letter <= 0x5A, byte >= 0x41 else { return nil }
    switch letter {
    case UInt8(ascii: "I"), UInt8(ascii: "L"), UInt8(ascii: "O"), UInt8(ascii: "U"): return nil
    default: break
    }
    var skipped: UInt8 = 0
    for excluded in "ILOU".utf8 where letter > excluded { skipped += 1 }
    return letter - 0x41 + 10 - skipped
  }
}

/// One step of the catalog's form, forward and back.
package struct Migration: Sendable {
  package let version: Int
  package let name: String
  package let up: [String]
  package let down: [String]

  package init(version: Int, name: String, up: [String], down: [String]) {
    self.version = version
    self.name = name
    self.up = up
    self.down = down
  }

  /// A number over the text, by which an edited released migration is noticed (FNV-1a, 64 bits).
  package var checksum: String {
    TextChecksum.hexadecimal((up + ["--"] + down).joined(separator: ";"))
  }
}

/// A number over a text, by which an edit is noticed (FNV-1a, 64 bits); no protection against
/// malice.
package enum TextChecksum {
  package static func number(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  package static func hexadecimal(_ text: String) -> String { String(number(text), radix: 16) }
}

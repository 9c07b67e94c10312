import Digest

/// Makes the key that lets a record be sent twice and counted once.
package enum IdempotencyKey {
  /// The server's limit.
  package static let maximumBytes = 512

  /// For a record without a key of its own: which content, and where in it.
  package static func forLine(_ line: Int, of contentDigest: String) -> [UInt8] {
    var key: [UInt8] = []
    key.reserveCapacity(96)
    key += "sha256:".utf8
    key += contentDigest.utf8
    key.append(0x3A)
    key += String(line).utf8
    return key
  }

  /// For a record with key columns; different values never give the same key.
  ///
  /// One value stands for itself. Several are joined by `|`, with a backslash before a `|` or a
  /// backslash inside a value. A key over the server's limit becomes its SHA-256.
  package static func joining(_ values: [[UInt8]]) -> [UInt8] {
    var key: [UInt8] = []
    if values.count == 1 {
      key = values[0]
    } else {
      for (index, value) in values.enumerated() {
        if index > 0 { key.append(0x7C) }
        for byte in value {
          if byte == 0x7C || byte == 0x5C { key.append(0x5C) }
          key.append(byte)
        }
      }
    }
    guard key.count > maximumBytes else { return key }
    return Array("sha256:\(SHA256.digest(of: key).hexadecimal)".utf8)
  }
}

import Digest

/// The SHA-256 and the length of all that was read from a source, decompressed.
final class ContentDigest {
  private var hasher = SHA256()
  private(set) var byteCount = 0

  func update(_ bytes: UnsafeRawBufferPointer) {
    hasher.update(bytes)
    byteCount += bytes.count
  }

  /// 64 hexadecimal digits; called once, at the end.
  func finish() -> String {
    hasher.finish().hexadecimal
  }
}

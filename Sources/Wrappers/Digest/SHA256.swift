import CCrypto

/// Makes SHA-256 digests, in one call or from pieces; not to be used by two threads at once.
///
/// A digest's end is the next one's beginning, so that one context serves many.
package struct SHA256: ~Copyable {
  // nonisolated(unsafe): written once, and libcrypto lets any thread read an algorithm.
  private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
  private let context: OpaquePointer

  package init() {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for a digest") }
    self.context = context
    start()
  }

  deinit { EVP_MD_CTX_free(context) }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
    let status = EVP_DigestUpdate(context, start, bytes.count)
    precondition(status == 1, "libcrypto refused to continue a digest")
  }

  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// The digest of what came since the last one.
  package mutating func finish() -> SHA256Digest {
    let digest = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { buffer in
      let status = EVP_DigestFinal_ex(
        context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
      precondition(status == 1, "libcrypto refused to finish a digest")
      return SHA256Digest(UnsafeRawBufferPointer(buffer))
    }
    start()
    return digest
  }

  package static func digest(of bytes: [UInt8]) -> SHA256Digest {
    var hasher = SHA256()
    hasher.update(bytes)
    return hasher.finish()
  }

  private borrowing func start() {
    let status = EVP_DigestInit_ex2(context, Self.algorithm, nil)
    precondition(status == 1, "libcrypto has no SHA-256")
  }
}

import Digest
import Model

/// Hashes the keys and contents of batches; stored, so never to be changed.
///
/// A batch's key is no record's key: the same text may name one of each.
package enum BatchHasher {
  private static let keyDomain = Array("duckmesh batch key 1\0".utf8)
  private static let producerDomain = Array("duckmesh producer 1\0".utf8)
  private static let numberDomain = Array("duckmesh producer batch 1\0".utf8)
  private static let contentDomain = Array("duckmesh batch content 1\0".utf8)

  package static func key(of text: [UInt8], tenant: TenantID, table: TableID) -> KeyHash {
    hash(keyDomain, [tenant.rawValue, table.rawValue], text)
  }

  package static func producer(
    _ name: [UInt8], tenant: TenantID, table: TableID
  ) -> KeyHash {
    hash(producerDomain, [tenant.rawValue, table.rawValue], name)
  }

  /// The key of a batch that its producer numbers.
  package static func key(
    producer name: [UInt8], epoch: Int64, sequence: Int64, tenant: TenantID, table: TableID
  ) -> KeyHash {
    hash(numberDomain, [tenant.rawValue, table.rawValue, epoch, sequence], name)
  }

  /// - Parameters:
  ///   - bytes: the digest of the body's bytes, decompressed.
  ///   - mediaType: what the bytes are; others read the same bytes as something else.
  package static func content(
    _ bytes: SHA256Digest, mediaType: String, operation: IngestOperation
  ) -> Int64 {
    let hash = hash(
      contentDomain, [Int64(operation.rawValue)], bytes.bytes + Array(mediaType.utf8))
    return Int64(bitPattern: hash.high)
  }

  private static func hash(_ domain: [UInt8], _ numbers: [Int64], _ text: [UInt8]) -> KeyHash {
    var digest = SHA256()
    digest.update(domain)
    for number in numbers {
      withUnsafeBytes(of: number.littleEndian) { digest.update($0) }
    }
    digest.update(text)
    let words = digest.finish().words
    return KeyHash(high: words.0, low: words.1)
  }
}

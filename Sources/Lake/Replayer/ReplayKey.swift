import Catalog
import Digest
import Model

/// The idempotency key of a replayed event; stored, so never to be changed.
///
/// It says nothing of the replay: an event enters a table once under each series, whatever
/// replays meet it and how often a part is published.
enum ReplayKey {
  private static let domain = Array("duckmesh replay key 1\0".utf8)
  /// The key alone decides. What it stands for cannot change: an event never does.
  static let content: Int64 = 0

  /// - Parameter token: of the event in the source.
  static func hash(of token: VisibilityToken, _ replay: EventReplay) -> KeyHash {
    var digest = SHA256()
    digest.update(domain)
    for number in [
      replay.tenant.rawValue, replay.order.target.rawValue, replay.order.source.rawValue,
      token.rawValue,
    ] {
      withUnsafeBytes(of: number.littleEndian) { digest.update($0) }
    }
    digest.update(Array(replay.order.series.utf8))
    let words = digest.finish().words
    // The token in front of 80 bits of the hash, so that new keys fall together in an index.
    let place = UInt64(bitPattern: token.rawValue) << 16
    return KeyHash(high: place | words.0 & 0xFFFF, low: words.1)
  }
}

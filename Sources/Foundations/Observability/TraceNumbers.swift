import Synchronization

/// Numbers for traces and spans that differ from all others and that nobody can guess, without
/// asking the system for randomness at each request.
///
/// They are a count, enciphered with Speck128/128 (R. Beaulieu et al., "The SIMON and SPECK
/// Families of Lightweight Block Ciphers", 2013) under a key that is drawn once. A cipher is a
/// permutation, so no block comes twice under one key, and the keys of two processes are as
/// unlikely to agree as two random ids. They name requests; they are no secrets.
package final class TraceNumbers: Sendable {
  /// The process's own.
  package static let shared: TraceNumbers = {
    var generator = SystemRandomNumberGenerator()
    return TraceNumbers(keyHigh: generator.next(), keyLow: generator.next())
  }()

  private static let roundCount = 32

  private let roundKeys: [UInt64]
  private let count = Atomic<UInt64>(0)

  package init(keyHigh: UInt64, keyLow: UInt64) {
    var (high, low) = (keyHigh, keyLow)
    var keys: [UInt64] = []
    for round in 0..<Self.roundCount {
      keys.append(low)
      Self.mix(&high, &low, UInt64(round))
    }
    roundKeys = keys
  }

  /// 128 bits that did not come before.
  package func next() -> (high: UInt64, low: UInt64) {
    enciphered(high: 0, low: count.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  package func enciphered(high: UInt64, low: UInt64) -> (high: UInt64, low: UInt64) {
    var (high, low) = (high, low)
    for key in roundKeys {
      Self.mix(&high, &low, key)
    }
    return (high, low)
  }

  private static func mix(_ high: inout UInt64, _ low: inout UInt64, _ key: UInt64) {
    high = ((high >> 8 | high << 56) &+ low) ^ key
    low = (low << 3 | low >> 61) ^ high
  }
}

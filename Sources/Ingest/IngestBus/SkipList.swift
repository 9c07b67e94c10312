/// The stored form of positions that carry no token: ascending numbers as LEB128 differences.
package enum SkipList {
  /// - Returns: nil for no positions, which is the ordinary case.
  package static func encode(_ positions: [Int]) -> [UInt8]? {
    guard !positions.isEmpty else { return nil }
    var writer = ByteWriter(capacity: positions.count * 2)
    var previous = 0
    for position in positions {
      writer.number(UInt64(position - previous))
      previous = position
    }
    return writer.bytes
  }

  /// - Returns: nil when the bytes are damaged.
  package static func decode(_ bytes: [UInt8]) -> [Int]? {
    var reader = ByteReader(bytes)
    var positions: [Int] = []
    var previous = 0
    while !reader.isAtEnd {
      guard let step = reader.number(), step <= UInt64(Int32.max) else { return nil }
      previous += Int(step)
      positions.append(previous)
    }
    return positions
  }
}

/// The statements that one connection has prepared, by text and parameter types, the least recently
/// used of which makes room for a new one.
///
/// A pure value: it says what to prepare and what to deallocate, the connection does it.
package struct PreparedStatements {
  package struct Use: Equatable {
    package let name: String
    /// Whether the statement must be prepared before its first use.
    package let isNew: Bool
  }

  private struct Entry {
    let name: String
    let types: [UInt32]
    var isConfirmed = false
    var lastUse: UInt64
  }

  private let maximumCount: Int
  private var entries: [String: [Entry]] = [:]
  private var count = 0
  private var uses: UInt64 = 0
  private var names = 0
  /// Names that the server still holds and that nothing will use again.
  package private(set) var discarded: [String] = []

  package init(maximumCount: Int) {
    self.maximumCount = maximumCount
  }

  /// The statement to use for a text and the types of its values, where 0 (a NULL) fits any type.
  package mutating func use(_ sql: String, types: [UInt32]) -> Use {
    uses += 1
    if let index = entries[sql]?.firstIndex(where: { Self.fits($0.types, types) }) {
      entries[sql]?[index].lastUse = uses
      return Use(name: entries[sql]?[index].name ?? "", isNew: false)
    }
    if count == maximumCount { discardLeastRecentlyUsed() }
    names += 1
    let entry = Entry(name: "duckmesh_\(names)", types: types, lastUse: uses)
    entries[sql, default: []].append(entry)
    count += 1
    return Use(name: entry.name, isNew: true)
  }

  /// The server has prepared the statement.
  package mutating func confirm(_ sql: String, name: String) {
    guard let index = entries[sql]?.firstIndex(where: { $0.name == name }) else { return }
    entries[sql]?[index].isConfirmed = true
  }

  /// Drops a statement that the server has not prepared.
  package mutating func dropUnconfirmed(_ sql: String, name: String) {
    guard let index = entries[sql]?.firstIndex(where: { $0.name == name && !$0.isConfirmed })
    else { return }
    remove(sql, at: index)
  }

  /// Discards all that is prepared for the text, because the server holds its plan for outdated.
  package mutating func discard(_ sql: String) {
    while let entry = entries[sql]?.last {
      if entry.isConfirmed { discarded.append(entry.name) }
      remove(sql, at: (entries[sql]?.count ?? 1) - 1)
    }
  }

  package mutating func takeDiscarded() -> [String] {
    defer { discarded = [] }
    return discarded
  }

  private static func fits(_ prepared: [UInt32], _ asked: [UInt32]) -> Bool {
    prepared.count == asked.count
      && zip(prepared, asked).allSatisfy { $0 == $1 || $1 == TypeIdentifier.unspecified }
  }

  private mutating func discardLeastRecentlyUsed() {
    var oldest: (sql: String, index: Int, lastUse: UInt64)?
    for (sql, variants) in entries {
      for (index, entry) in variants.enumerated()
      where entry.lastUse < oldest?.lastUse ?? .max {
        oldest = (sql, index, entry.lastUse)
      }
    }
    guard let oldest, let entry = entries[oldest.sql]?[oldest.index] else { return }
    // One that is being prepared in the same round trip is deallocated after it all the same.
    discarded.append(entry.name)
    remove(oldest.sql, at: oldest.index)
  }

  private mutating func remove(_ sql: String, at index: Int) {
    entries[sql]?.remove(at: index)
    if entries[sql]?.isEmpty == true { entries[sql] = nil }
    count -= 1
  }
}

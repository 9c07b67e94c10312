/// Statements that passed the gate, by their text: dashboards send the same few again and again.
///
/// What becomes of a text at the gate depends on nothing else, so one that has passed passes again.
/// For one thread.
package final class PassedStatements {
  package static let capacity = 64
  /// Longer ones, which are mostly made by programs and sent once, are not kept.
  private static let maximumTextBytes = 16 << 10

  private struct Entry {
    let statement: GatedStatement
    var lastUse: UInt64
  }

  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0

  package init() {}

  package var count: Int { entries.count }

  package func find(_ sql: String) -> GatedStatement? {
    guard let statement = entries[sql]?.statement else { return nil }
    uses += 1
    entries[sql]?.lastUse = uses
    return statement
  }

  /// Keeps the statement, in place of the one that was not asked for the longest.
  package func keep(_ statement: GatedStatement, of sql: String) {
    guard sql.utf8.count <= Self.maximumTextBytes else { return }
    if entries.count >= Self.capacity, entries[sql] == nil,
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      entries[oldest.key] = nil
    }
    uses += 1
    entries[sql] = Entry(statement: statement, lastUse: uses)
  }
}

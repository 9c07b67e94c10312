import Catalog
import Consistency
import IngestBus
import Model

/// What a keyed table must hold, worked out one event after the other.
struct KeyedModel: Sendable {
  struct Event: Sendable {
    let operation: IngestOperation
    let key: Int
    let note: String
  }

  struct Row: Sendable, Equatable {
    let note: String
    let token: Int64
  }

  typealias Rows = [Int: Row]

  /// Rows that were put back, between the event of the watermark and the next one.
  private struct Restored: Sendable {
    let snapshot: SnapshotID
    let watermark: Int64
    let rows: Rows
  }

  private static let markDistance: Int64 = 64

  let refusesExisting: Bool
  /// The event of token n is at n - 1.
  private(set) var events: [Event] = []
  private(set) var refusedTokens: [Int64] = []
  /// The rows after the last event that is applied, before anything is put back there.
  private var current: Rows = [:]
  private var applied: Int64 = 0
  /// The same after some tokens, so that the others are soon worked out again.
  private var marks: [Int64: Rows] = [0: [:]]
  /// In the order of their snapshots.
  private var restored: [Restored] = []

  init(refusesExisting: Bool) { self.refusesExisting = refusesExisting }

  var head: Int64 { Int64(events.count) }

  mutating func append(_ new: [Event]) {
    events += new
    apply()
  }

  /// What is applied by then stays; the events after it apply to the rows that are put back.
  ///
  /// - Parameters:
  ///   - source: whose rows those are.
  ///   - snapshot: later than that of each restore before.
  mutating func restore(_ source: SnapshotRecord, as snapshot: SnapshotID, at watermark: Int64) {
    restored.append(Restored(snapshot: snapshot, watermark: watermark, rows: rows(at: source)))
    refusedTokens.removeAll { $0 > watermark }
    current = rows(after: watermark)
    applied = watermark
    marks = marks.filter { $0.key <= watermark }
    apply()
  }

  private mutating func apply() {
    while applied < head {
      let token = applied + 1
      let (event, before) = (events[Int(applied)], restored(at: applied) ?? current)
      if isRefused(event, before) { refusedTokens.append(token) }
      current = after(event, before, token: token)
      applied = token
      if token % Self.markDistance == 0 { marks[token] = current }
    }
  }

  private func restored(at watermark: Int64, upTo snapshot: SnapshotID? = nil) -> Rows? {
    restored.last { entry in
      entry.watermark == watermark && snapshot.map { entry.snapshot <= $0 } ?? true
    }?.rows
  }

  private func rows(after token: Int64) -> Rows {
    if token == applied { return current }
    let mark = token / Self.markDistance * Self.markDistance
    var rows = marks[mark] ?? [:]
    for next in mark + 1..<max(token, mark) + 1 {
      rows = after(events[Int(next) - 1], restored(at: next - 1) ?? rows, token: next)
    }
    return rows
  }

  /// The rows that the event after the watermark meets.
  func rows(at watermark: Int64) -> Rows { restored(at: watermark) ?? rows(after: watermark) }

  func rows(at snapshot: SnapshotRecord) -> Rows {
    let watermark = snapshot.watermark.rawValue
    return restored(at: watermark, upTo: snapshot.id) ?? rows(after: watermark)
  }

  private func isRefused(_ event: Event, _ rows: Rows) -> Bool {
    refusesExisting && event.operation == .insert && rows[event.key] != nil
  }

  private func after(_ event: Event, _ rows: Rows, token: Int64) -> Rows {
    guard !isRefused(event, rows) else { return rows }
    var rows = rows
    rows[event.key] =
      event.operation == .delete ? nil : Row(note: event.note, token: token)
    return rows
  }

  /// What the ledger says of the events after `from` through `to` when they are one batch.
  func counts(after from: Int64, through to: Int64) -> (counts: LedgerCounts, removed: Int64) {
    let base = rows(at: from)
    var counts = LedgerCounts()
    var removed: Int64 = 0
    var last: [Int: IngestOperation] = [:]
    for token in from + 1..<to + 1 {
      let event = events[Int(token) - 1]
      if isRefused(event, rows(at: token - 1)) {
        counts.deadLettered += 1
      } else if last.updateValue(event.operation, forKey: event.key) != nil {
        counts.superseded += 1
      }
    }
    for (key, operation) in last {
      if base[key] != nil { removed += 1 }
      switch operation {
      case .insert, .upsert: counts.inserted += 1
      case .delete: if base[key] != nil { counts.deleted += 1 } else { counts.noOperation += 1 }
      }
    }
    return (counts, removed)
  }

  /// Events of a few keys, so that they meet, with an eye on some keys more than others.
  static func draw(
    _ count: Int, keys: Int, _ random: inout SeededGenerator
  ) -> [Event] {
    (0..<count).map { _ in
      let key = random.chance(30) ? random.below(max(1, keys / 8)) : random.below(keys)
      let operation: IngestOperation =
        switch random.below(10) {
        case 0..<3: .insert
        case 3..<7: .upsert
        default: .delete
        }
      return Event(operation: operation, key: key, note: "n\(random.below(1_000_000))")
    }
  }
}

/// A table of the model: how keys become columns.
enum KeyedShape: CaseIterable, Sendable {
  /// One number.
  case number
  /// Two columns out of order, of which one is a text that needs escaping.
  case compound
  /// What is neither number nor text.
  case moments

  var columns: [ColumnDefinition] {
    let note = ColumnDefinition(name: "note", type: .varchar)
    switch self {
    case .number: return [ColumnDefinition(name: "id", type: .bigint), note]
    case .compound:
      return [
        ColumnDefinition(name: "day", type: .date), note,
        ColumnDefinition(name: "region", type: .varchar),
        ColumnDefinition(name: "price", type: .decimal(precision: 9, scale: 2)),
      ]
    case .moments:
      return [
        ColumnDefinition(name: "at", type: .timestampTZ),
        ColumnDefinition(name: "size", type: .decimal(precision: 38, scale: 3)),
        ColumnDefinition(name: "flag", type: .boolean), note,
      ]
    }
  }

  var key: [String] {
    switch self {
    case .number: ["id"]
    case .compound: ["region", "day"]
    case .moments: ["at", "flag", "size"]
    }
  }

  /// The members of a payload; the key's only for a delete.
  func payload(_ event: KeyedModel.Event) -> String {
    let note = event.operation == .delete ? "" : #","note":"\#(event.note)""#
    return "{\(keyMembers(event.key))\(note)}"
  }

  private func keyMembers(_ key: Int) -> String {
    switch self {
    case .number: #""id":\#(key)"#
    case .compound: #""region":"\#(Self.region(key))","day":"\#(Self.day(key))""#
    case .moments:
      #""at":"\#(Self.day(key))T00:00:00Z","flag":\#(key % 2 == 0),"size":"\#(key / 2).500""#
    }
  }

  private static func region(_ key: Int) -> String { "it's \(key % 3) \u{1F986}" }
  private static func day(_ key: Int) -> String {
    "2024-\(key / 3 % 2 == 0 ? "01" : "12")-\(key / 6 + 10)"
  }

  /// A row as the query's JSON shows it.
  func row(_ key: Int, _ note: String) -> String {
    switch self {
    case .number: #"{"id":\#(key),"note":"\#(note)"}"#
    case .compound:
      #"{"day":"\#(Self.day(key))","note":"\#(note)","region":"\#(Self.region(key))","price":null}"#
    case .moments:
      #"{"at":"\#(Self.day(key)) 00:00:00+00","size":\#(key / 2).500,"flag":\#(key % 2 == 0),"#
        + #""note":"\#(note)"}"#
    }
  }

  func rows(_ rows: KeyedModel.Rows) -> [String] {
    rows.map { row($0.key, $0.value.note) }.sorted()
  }
}

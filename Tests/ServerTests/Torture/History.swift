import Runtime

/// Everything that was sent and answered, and the rules that answers are held to at once.
///
/// A record has a number of its own over the whole run, which is also its key. A receipt of one
/// record names its token; that of several only bounds their tokens from above.
final class History: Sendable {
  struct TableName: Hashable, Sendable {
    let tenant: String
    let table: String
    /// Dropped and made again while it is written to.
    let isStormy: Bool
    var text: String { tenant + "." + table }
  }

  /// One try to write a record, or to read it.
  struct Event: Sendable {
    let beganMs: Int32
    let endedMs: Int32
    let process: String
    let what: String
  }

  struct Record: Sendable {
    let table: TableName
    var content: Int64
    /// Other content that was sent under the same key before either was answered.
    var rival: Int64?
    /// Does not fit its table, and was sent to become a dead letter.
    let isBad: Bool
    /// The token, or a bound of it; nil until the record was acknowledged.
    var token: Int64?
    var isExact = false
    var events: [Event] = []
  }

  struct State {
    var records: [Record] = []
    var numbers: [TableName: [Int]] = [:]
    var exact: [String: [Int64: Int]] = [:]
    var newest: [TableName: Int64] = [:]
    var watermarks: [String: Int64] = [:]
    var heads: [String: Int64] = [:]
    var snapshots: [String: SnapshotBook] = [:]
    var pins: [Pin: PinnedRows] = [:]
    var pinOrder: [Pin] = []
    var graves: [TableName: [[Int: Int64]]] = [:]
    var unknownGraves: Set<String> = []
    var violations: [Violation] = []
    var outcomes: [String: Int] = [:]
  }

  let state = Lock(State())
  private let clock = SystemMonotonicClock()
  private let origin: MonotonicInstant

  init() { origin = clock.now }

  var nowMs: Int32 { Int32(clamping: Int((clock.now - origin).milliseconds)) }

  var violations: [Violation] { state.withLock { $0.violations } }
  var recordCount: Int { state.withLock { $0.records.count } }
  var outcomes: [String: Int] { state.withLock { $0.outcomes } }

  func violate(_ rule: Violation.Rule, _ detail: String, record: Int? = nil) {
    state.withLock { $0.violate(rule, detail, record: record) }
  }

  func count(_ operation: String, _ outcome: String) {
    state.withLock { $0.outcomes[operation + " " + outcome, default: 0] += 1 }
  }

  // MARK: Records

  /// Makes records that will be written.
  func newRecords(
    _ table: TableName, count: Int, isBad: Bool = false, rivals: Bool = false,
    content: (Int) -> Int64
  ) -> [Int] {
    state.withLock { state in
      (0..<count).map { _ in
        let number = state.records.count
        state.records.append(
          Record(
            table: table, content: content(number), rival: rivals ? -content(number) - 1 : nil,
            isBad: isBad))
        state.numbers[table, default: []].append(number)
        return number
      }
    }
  }

  func record(_ number: Int) -> Record { state.withLock { $0.records[number] } }

  /// The newest token that is known of the table's tenant, which a read can ask for.
  func newestToken(_ table: TableName) -> Int64 { state.withLock { $0.newest[table] ?? 0 } }

  /// An acknowledged record of the table that would be a row, chosen by a fraction.
  func acknowledged(_ table: TableName, at fraction: Double) -> Int? {
    state.withLock { state in
      guard let numbers = state.numbers[table], !numbers.isEmpty else { return nil }
      let start = min(numbers.count - 1, Int(fraction * Double(numbers.count)))
      return numbers[start...].prefix(200).first { number in
        let record = state.records[number]
        return record.token != nil && !record.isBad && record.rival == nil
      }
    }
  }

  func note(_ numbers: [Int], began: Int32, process: String, _ what: String) {
    let ended = nowMs
    state.withLock { state in
      for number in numbers {
        state.records[number].events.append(
          Event(beganMs: began, endedMs: ended, process: process, what: what))
      }
    }
  }
}

extension History.State {
  mutating func violate(_ rule: Violation.Rule, _ detail: String, record number: Int? = nil) {
    // One fault can show a thousand times; the first ones tell of it.
    guard violations.count(where: { $0.rule == rule }) < 10 else { return }
    var violation = Violation(rule: rule, detail: detail)
    if let number, records.indices.contains(number) {
      let record = records[number]
      violation.history =
        [
          "record \(number) of \(record.table.text), content \(record.content), token "
            + (record.token.map { "\(record.isExact ? "" : "at most ")\($0)" } ?? "unknown")
        ]
        + record.events.suffix(40).map {
          "\($0.beganMs)-\($0.endedMs) ms \($0.process): \($0.what)"
        }
    }
    violations.append(violation)
  }
}

import Testing

/// Each promise is broken by hand in what was recorded, and the judge must notice.
@Suite struct HistoryTests {
  private static let table = History.TableName(tenant: "t", table: "rows", isStormy: false)
  private static let gale = History.TableName(tenant: "t", table: "gale", isStormy: true)

  /// Three acknowledged records with tokens 1 to 3 and one that was never answered.
  private func fourRecords(_ table: History.TableName = table) -> History {
    let history = History()
    for number in history.newRecords(table, count: 4, content: { Int64($0) * 10 }) where number < 3
    {
      history.acknowledge(
        [number], token: Int64(number) + 1, accepted: 1, duplicates: 0)
    }
    return history
  }

  private typealias Row = (number: Int, content: Int64)
  private static let rows: [Row] = [(0, 0), (1, 10), (2, 20)]

  private func read(
    _ history: History, _ rows: [Row], watermark: Int64 = 3, minimum: Int64 = 3, from: Int = 0
  ) {
    history.check(
      .init(
        table: Self.table, from: from, rows: rows, snapshot: 7, watermark: watermark,
        minimumToken: minimum))
  }

  private func expect(
    _ history: History, _ rules: Violation.Rule..., from location: SourceLocation = #_sourceLocation
  ) {
    #expect(history.violations.map(\.rule) == rules, sourceLocation: location)
  }

  @Test func whatIsRightIsNoViolation() {
    let history = fourRecords()
    read(history, Self.rows)
    // The one without an answer may be there, once, also beyond every known token.
    read(history, Self.rows + [(3, 30)], watermark: 4)
    read(history, [(2, 20)], from: 2)
    // An older state without the newest record.
    read(history, [(0, 0), (1, 10)], watermark: 2, minimum: 2)
    history.acknowledge([0], token: 1, accepted: 0, duplicates: 1)
    history.acknowledge([1, 2, 3], token: 4, accepted: 1, duplicates: 2)
    expect(history)
  }

  @Test func aReadWithoutAnAcknowledgedRecordIsCaught() {
    let history = fourRecords()
    read(history, [(0, 0), (2, 20)])
    expect(history, .readBelowToken)
    #expect(history.violations[0].description.contains("record 1 of t.rows"))
  }

  @Test func aReadBelowItsTokenIsCaught() {
    let history = fourRecords()
    read(history, [(0, 0), (1, 10)], watermark: 2, minimum: 3)
    expect(history, .readBelowToken)
  }

  @Test func aBatchIsMissedByTheBoundOfItsTokens() {
    let history = History()
    let numbers = history.newRecords(Self.table, count: 3) { Int64($0) * 10 }
    history.acknowledge(numbers, token: 3, accepted: 3, duplicates: 0)
    read(history, [(0, 0), (1, 10)], watermark: 3)
    expect(history, .readBelowToken)
  }

  @Test func aRowThatIsThereTwiceIsCaught() {
    let history = fourRecords()
    read(history, Self.rows + [(1, 10)])
    expect(history, .rowTwice)
  }

  @Test func rowsThatNobodyWroteAreCaught() {
    let history = fourRecords()
    read(history, Self.rows + [(99, 0)])
    let bad = history.newRecords(Self.table, count: 1, isBad: true) { _ in 5 }[0]
    read(history, Self.rows + [(bad, 5)])
    let elsewhere = history.newRecords(Self.gale, count: 1) { _ in 5 }[0]
    read(history, Self.rows + [(elsewhere, 5)])
    expect(history, .rowNobodyWrote, .rowNobodyWrote, .rowNobodyWrote)
  }

  @Test func replacedContentIsCaught() {
    let history = fourRecords()
    read(history, [(0, 0), (1, 11), (2, 20)])
    history.acceptedOtherContent(2)
    expect(history, .contentReplaced, .contentReplaced)
  }

  @Test func ofTwoContentsExactlyOneCounts() {
    let history = History()
    let numbers = history.newRecords(Self.table, count: 4, rivals: true) { Int64($0) }
    history.settle(numbers[0], firstIsAccepted: true, secondIsAccepted: false)
    history.settle(numbers[1], firstIsAccepted: false, secondIsAccepted: true)
    expect(history)
    // The second of the two counts here.
    read(history, [(0, 0), (1, 1)], watermark: 9)
    expect(history, .contentReplaced)
    history.settle(numbers[2], firstIsAccepted: true, secondIsAccepted: true)
    history.settle(numbers[3], firstIsAccepted: false, secondIsAccepted: false)
    expect(history, .contentReplaced, .contentReplaced, .contentReplaced)
  }

  @Test func aRecordBeyondTheWatermarkOfItsSnapshotIsCaught() {
    let history = fourRecords()
    read(history, Self.rows, watermark: 2, minimum: 2)
    expect(history, .visibleBeyondWatermark)
  }

  @Test func tokensThatAreGivenTwiceOrChangeAreCaught() {
    let history = fourRecords()
    history.acknowledge([3], token: 2, accepted: 1, duplicates: 0)
    expect(history, .tokenTwice)
    history.acknowledge([0], token: 5, accepted: 0, duplicates: 1)
    expect(history, .tokenTwice, .tokenChanged)
  }

  @Test func aBatchWhoseHighestTokenIsBelowAKnownOneIsCaught() {
    let history = fourRecords()
    history.acknowledge([1, 2], token: 2, accepted: 0, duplicates: 2)
    expect(history, .tokenChanged)
  }

  @Test func aSecondAcceptanceIsCaught() {
    let history = fourRecords()
    history.acknowledge([0], token: 1, accepted: 1, duplicates: 0)
    expect(history, .acceptedTwice)
    history.acknowledge([1, 2], token: 3, accepted: 0, duplicates: 1)
    expect(history, .acceptedTwice, .accountsDiffer, .acceptedTwice)
  }

  @Test func accountsThatDoNotBalanceOrGoBackAreCaught() {
    let history = History()
    history.checkLag(tenant: "t", accepted: 9, visible: 7, pending: 2, earlier: (0, 0))
    expect(history)
    history.checkLag(tenant: "t", accepted: 9, visible: 7, pending: 1, earlier: (9, 7))
    history.checkLag(tenant: "t", accepted: 8, visible: 7, pending: 1, earlier: (9, 7))
    history.checkLag(tenant: "t", accepted: 9, visible: 6, pending: 3, earlier: (9, 7))
    expect(history, .accountsDiffer, .watermarkWentBack, .watermarkWentBack)
  }

  @Test func aSnapshotThatIsNotTheSameAgainIsCaught() {
    let history = History()
    let pin = History.Pin(table: Self.table, snapshot: 5)
    let rows = History.PinnedRows(count: 2, numberSum: 1, contentSum: 10, watermark: 2)
    #expect(!history.check(pin, rows, process: "a"))
    #expect(history.check(pin, rows, process: "b"))
    expect(history)
    let others = [
      History.PinnedRows(count: 3, numberSum: 1, contentSum: 10, watermark: 2),
      History.PinnedRows(count: 2, numberSum: 1, contentSum: 11, watermark: 2),
      History.PinnedRows(count: 2, numberSum: 1, contentSum: 10, watermark: 3),
    ]
    for other in others { history.check(pin, other, process: "a") }
    expect(history, .snapshotChanged, .snapshotChanged, .snapshotChanged)
  }

  private func line(_ id: Int64, rows: Int64 = 1, second: Int64? = nil) -> History.SnapshotLine {
    .init(
      id: id, time: "2026-01-01T00:00:\(10 + (second ?? id)).000000Z", watermark: id,
      rows: ["rows": rows])
  }

  @Test func listsOfSnapshotsThatContradictEachOtherAreCaught() {
    let history = History()
    history.checkList(tenant: "t", [line(7), line(5), line(2)])
    // One stood between the others and comes to show when they expire.
    history.checkList(tenant: "t", [line(9), line(7), line(3)])
    expect(history)
    history.checkList(tenant: "t", [line(9), line(8, second: 6), line(2)])
    expect(history, .snapshotWentBack)
    history.checkList(tenant: "t", [line(9, rows: 4), line(7), line(2)])
    expect(history, .snapshotWentBack, .snapshotChanged)
    history.checkList(tenant: "t", [line(7), line(2)])
    expect(history, .snapshotWentBack, .snapshotChanged, .snapshotWentBack)
  }

  @Test func snapshotsOutOfOrderAreCaught() {
    let history = History()
    history.checkList(tenant: "t", [line(7), line(7)])
    history.checkList(tenant: "u", [line(9, second: 5), line(8, second: 5)])
    expect(history, .snapshotWentBack, .snapshotWentBack)
  }

  // MARK: At the end

  private func account(
    _ history: History, _ rows: [Row], _ letters: [(key: String, token: Int64)] = [],
    head: Int64, of table: History.TableName = table
  ) {
    history.checkLag(tenant: "t", accepted: head, visible: head, pending: 0, earlier: (0, 0))
    history.checkAccounts("t", rows: [table: rows], deadLetters: letters)
  }

  @Test func accountsOfTheWholeRunBalance() {
    let history = fourRecords()
    let bad = history.newRecords(Self.table, count: 1, isBad: true) { _ in 5 }[0]
    history.acknowledge([bad], token: 4, accepted: 1, duplicates: 0)
    account(history, Self.rows, [("k\(bad)", 4)], head: 4)
    expect(history)
  }

  @Test func aTokenWithoutARowIsCaught() {
    let history = fourRecords()
    account(history, Self.rows, head: 4)
    expect(history, .accountsDiffer)
  }

  @Test func anAcknowledgedRecordThatIsNowhereIsCaught() {
    let history = fourRecords()
    account(history, [(0, 0), (1, 10), (3, 30)], head: 3)
    expect(history, .acknowledgedIsMissing)
  }

  @Test func aReceiptBeyondTheLastWatermarkIsCaught() {
    let history = fourRecords()
    history.checkFinal(Self.table, [(0, 0), (1, 10)], watermark: 2)
    expect(history, .acknowledgedIsMissing)
  }

  @Test func aRecordThatFitsMustNotBeADeadLetter() {
    let history = fourRecords()
    account(history, [(0, 0), (1, 10)], [("k2", 3)], head: 3)
    expect(history, .wronglyDeadLettered)
  }

  @Test func aRecordThatIsBothRowAndDeadLetterIsCaught() {
    let history = fourRecords()
    account(history, Self.rows, [("k2", 3)], head: 4)
    expect(history, .wronglyDeadLettered, .rowTwice, .rowTwice)
  }

  @Test func recordsOfDroppedTablesAreAccountedFor() {
    let history = fourRecords(Self.gale)
    history.bury(Self.gale, [(0, 0)])
    account(history, [(1, 10)], [("k2", 3)], head: 3, of: Self.gale)
    expect(history)
    account(history, [(1, 10)], [], head: 3, of: Self.gale)
    expect(history, .acknowledgedIsMissing, .accountsDiffer)
  }
}

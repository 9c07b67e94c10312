import Runtime

/// What answers of reads must say.
extension History {
  /// Rows of a table, or of its records from a number on, as one answer gave them.
  struct Answer: Sendable {
    let table: TableName
    /// Records below it were not asked for.
    var from = 0
    /// Record and content, as often as they came.
    let rows: [(number: Int, content: Int64)]
    let snapshot: Int64
    let watermark: Int64
    var minimumToken: Int64 = 0
    var process = ""
    var beganMs: Int32 = 0
  }

  /// Sums over a table at a snapshot; they never change.
  struct PinnedRows: Equatable, Sendable {
    let count: Int64
    let numberSum: Int64
    let contentSum: Int64
    let watermark: Int64
  }

  struct Pin: Hashable, Sendable {
    let table: TableName
    let snapshot: Int64
  }

  func check(_ answer: Answer) {
    state.withLock { state in
      if answer.watermark < answer.minimumToken {
        state.violate(
          .readBelowToken,
          "asked \(answer.process) for \(answer.minimumToken), got watermark \(answer.watermark)"
            + " at snapshot \(answer.snapshot)")
      }
      state.check(
        rows: answer.rows, of: answer.table, from: answer.from, watermark: answer.watermark,
        rule: .readBelowToken,
        place: "\(answer.process) at snapshot \(answer.snapshot) (\(answer.beganMs) ms)")
    }
  }

  /// - Returns: whether this snapshot of the table was read before.
  @discardableResult
  func check(_ pin: Pin, _ rows: PinnedRows, process: String) -> Bool {
    state.withLock { state in
      guard let known = state.pins[pin] else {
        state.pins[pin] = rows
        state.pinOrder.append(pin)
        return false
      }
      if known != rows {
        state.violate(
          .snapshotChanged,
          "\(pin.table.text) at snapshot \(pin.snapshot) by \(process): \(known), now \(rows)")
      }
      return true
    }
  }

  /// One of the pins, by a fraction of them in the order in which they were made.
  func pin(at fraction: Double) -> Pin? {
    state.withLock { state in
      let count = state.pinOrder.count
      return count == 0 ? nil : state.pinOrder[min(count - 1, Int(fraction * Double(count)))]
    }
  }

  /// Two answers that one observer got one after the other by the same way.
  func checkOrder(_ observer: String, earlier: Int64, later: Int64) {
    if later < earlier {
      violate(.watermarkWentBack, "\(observer): \(earlier), then \(later)")
    }
  }
}

extension History.State {
  /// Every acknowledged record at or below the watermark once, no other content, nothing unknown,
  /// nothing beyond.
  mutating func check(
    rows: [(number: Int, content: Int64)], of table: History.TableName, from: Int,
    watermark: Int64, rule: Violation.Rule, place: String
  ) {
    var seen: Set<Int> = []
    for row in rows {
      guard records.indices.contains(row.number), records[row.number].table == table,
        !records[row.number].isBad
      else {
        violate(.rowNobodyWrote, "\(table.text) \(row) by \(place)")
        continue
      }
      if !seen.insert(row.number).inserted {
        violate(.rowTwice, "by \(place)", record: row.number)
      }
      let record = records[row.number]
      if record.content != row.content, record.rival != row.content {
        violate(.contentReplaced, "\(row.content) by \(place)", record: row.number)
      }
      if record.isExact, !table.isStormy, let token = record.token, token > watermark {
        violate(.visibleBeyondWatermark, "watermark \(watermark) by \(place)", record: row.number)
      }
    }
    guard !table.isStormy else { return }
    for number in (numbers[table] ?? []).reversed() {
      if number < from { break }
      let record = records[number]
      guard let token = record.token, token <= watermark, !record.isBad, !seen.contains(number)
      else { continue }
      violate(rule, "watermark \(watermark) by \(place)", record: number)
    }
  }
}

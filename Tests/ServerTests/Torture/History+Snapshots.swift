/// What lists of snapshots must say.
extension History {
  struct SnapshotLine: Equatable, Sendable {
    let id: Int64
    let time: String
    let watermark: Int64
    /// Rows by table.
    let rows: [String: Int64]
  }

  /// A tenant's snapshots, as lists have shown them.
  struct SnapshotBook: Sendable {
    var lines: [Int64: SnapshotLine] = [:]
    var newest: Int64 = 0
  }

  /// A list's first page, newest first.
  func checkList(tenant: String, _ lines: [SnapshotLine]) {
    state.withLock { state in
      for (newer, older) in zip(lines, lines.dropFirst()) {
        // RFC 3339 with six digits in UTC sorts as text.
        if newer.id <= older.id || newer.time <= older.time || newer.watermark < older.watermark {
          state.violate(.snapshotWentBack, "\(tenant): \(older), then \(newer)")
        }
      }
      var book = state.snapshots[tenant] ?? SnapshotBook()
      if let first = lines.first, first.id < book.newest {
        state.violate(.snapshotWentBack, "\(tenant): newest was \(book.newest), now \(first.id)")
      }
      for line in lines {
        if let known = book.lines[line.id] {
          if known != line { state.violate(.snapshotChanged, "\(tenant): \(known), now \(line)") }
        } else {
          state.checkPlace(of: line, in: book, tenant: tenant)
        }
      }
      for line in lines { book.lines[line.id] = line }
      book.newest = max(book.newest, lines.first?.id ?? 0)
      state.snapshots[tenant] = book
    }
  }

  /// Accepted and visible events as the tenant's accounts give them; they never go back.
  ///
  /// - Parameter earlier: what had been answered before this was asked for.
  func checkLag(
    tenant: String, accepted: Int64, visible: Int64, pending: Int64,
    earlier: (accepted: Int64, visible: Int64)
  ) {
    if accepted != visible + pending {
      violate(.accountsDiffer, "\(tenant): \(accepted) accepted, \(visible), \(pending) pending")
    }
    checkOrder("accepted events of \(tenant)", earlier: earlier.accepted, later: accepted)
    checkOrder("watermark of \(tenant)", earlier: earlier.visible, later: visible)
    state.withLock { state in
      state.heads[tenant] = max(state.heads[tenant] ?? 0, accepted)
      state.watermarks[tenant] = max(state.watermarks[tenant] ?? 0, visible)
    }
  }

  func progress(_ tenant: String) -> (accepted: Int64, visible: Int64) {
    state.withLock { ($0.heads[tenant] ?? 0, $0.watermarks[tenant] ?? 0) }
  }
}

extension History.State {
  /// Expiry may show a snapshot that stood between others, and hid because it had changed nothing
  /// of the tenant's: it shows a state between theirs.
  fileprivate mutating func checkPlace(
    of line: History.SnapshotLine, in book: History.SnapshotBook, tenant: String
  ) {
    for known in book.lines.values {
      let (older, newer) = known.id < line.id ? (known, line) : (line, known)
      if newer.time <= older.time || newer.watermark < older.watermark {
        violate(.snapshotWentBack, "\(tenant): \(older), then \(newer)")
      }
    }
  }
}

import Consistency
import Model

extension Oracle {
  // Invariants: only the holder of the epoch commits; the commit accounts for each token that it
  // passes, once; its files are there.
  mutating func committing(_ commit: ModelCommit, in store: ModelStore) {
    for fence in commit.fences {
      let tenant = store.tenants[Int(fence.tenant.rawValue)]
      check(
        tenant.lease.owner == commit.owner && tenant.lease.epoch == fence.epoch
          && tenant.lease.leasedUntil > store.now,
        "a commit is applied under epoch \(fence.epoch.rawValue), which its owner does not hold")
      check(
        Int(fence.from.rawValue) == tenant.accountedThrough,
        "a commit begins where the one before it did not end")
    }
    for part in commit.parts {
      check(part.rows & part.deadLetters == 0, "an event becomes a row and a dead letter")
      var tokens = part.rows | part.deadLetters
      while tokens != 0 {
        let event = store.tenants[part.tenant].events[part.base + tokens.trailingZeroBitCount]
        check(event.table == part.table, "an event is written to another table")
        tokens &= tokens - 1
      }
      guard let number = part.file else {
        check(part.rows == 0, "rows without a file")
        continue
      }
      let file = store.files[number]
      check(file.isStored, "a snapshot names file \(number), which is not there")
      check(file.namedAt == nil, "two snapshots add the same file")
      check(
        file.schemaVersion == store.tables[part.table].schemaVersion
          && store.tables[part.table].droppedAt == nil,
        "a file is added to a table that has changed")
    }
  }

  mutating func committed(_ commit: ModelCommit, in store: ModelStore) {
    for fence in commit.fences {
      let number = Int(fence.tenant.rawValue)
      let passed = store.tenants[number].watermark - Int(fence.from.rawValue)
      var tokens: UInt64 = 0
      for part in commit.parts where part.tenant == number {
        let own = part.rows | part.deadLetters
        check(tokens & own == 0, "an event is written twice")
        tokens |= own
      }
      check(
        passed >= 0 && passed <= 64 && tokens == (passed == 64 ? .max : (1 << passed) - 1),
        "the watermark passes tokens that the commit does not account for")
    }
  }
}

extension ModelStore {
  mutating func account(for commit: ModelCommit) {
    for fence in commit.fences {
      tenants[Int(fence.tenant.rawValue)].accountedThrough = Int(fence.to.rawValue)
    }
  }

  // Invariants: a read at a snapshot sees the rows at or below its watermark, all of them and
  // nothing else; the same snapshot gives the same rows.
  mutating func read(tenant: Int, at snapshot: Int) {
    let watermark = snapshots[snapshot].watermarks[tenant]
    var expected: UInt64 = 0
    for token in 0..<min(watermark, tenants[tenant].events.count) {
      let event = tenants[tenant].events[token]
      if !event.isDeadLetter, isVisible(event.table, at: snapshot) {
        expected &+= event.digest(token: token + 1)
      }
    }
    var found: UInt64 = 0
    for (number, file) in files.enumerated() where file.tenant == tenant {
      guard let named = file.namedAt, named <= snapshot, isVisible(file.table, at: snapshot)
      else { continue }
      oracle.check(file.isStored, "file \(number) of snapshot \(snapshot) is gone")
      found &+= file.digest
    }
    oracle.check(found == expected, "snapshot \(snapshot) does not hold what its watermark says")
    oracle.check(
      oracle.isSame(found, tenant: tenant, snapshot: snapshot),
      "snapshot \(snapshot) gives other rows than before")
  }

  private func isVisible(_ table: Int, at snapshot: Int) -> Bool {
    guard let dropped = tables[table].droppedAt else { return true }
    return dropped > snapshot
  }

  /// The sums at the end, when everything has drained.
  mutating func audit() {
    for tenant in tenants.indices {
      let row = tenants[tenant]
      oracle.check(row.watermark == row.head, "events stay pending")
      oracle.check(row.accountedThrough == row.head, "the accounts do not reach the head")
      oracle.check(row.events.count == row.head, "tokens without events")
      var rows = 0
      for file in files where file.tenant == tenant && file.namedAt != nil {
        oracle.check(file.isStored, "a named file is gone at the end")
        rows += file.rows.nonzeroBitCount
      }
      let letters = row.events.count { $0.isDeadLetter }
      oracle.check(rows + letters == row.head, "\(row.head) events, \(rows) rows, \(letters) dead")
      for snapshot in stride(from: latest, through: 0, by: -3) {
        read(tenant: tenant, at: snapshot)
      }
    }
    for receipt in oracle.acknowledgements {
      let event = tenants[tables[receipt.table].tenant].events[receipt.token - 1]
      oracle.check(
        event.table == receipt.table && event.key == receipt.key
          && event.content == receipt.content, "an acknowledged event is another at the end")
    }
  }
}

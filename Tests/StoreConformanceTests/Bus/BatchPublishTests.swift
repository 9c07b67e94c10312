import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// One key for a whole batch: its tokens, its receipt, its producer's turn.
@Suite struct BatchPublishTests {
  @Test(arguments: StoreBackends.all)
  func aBatchTakesConsecutiveTokensAmongOtherEvents(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      #expect(try await lab.publish(table, TestEvent("a")).tokens == [1])
      #expect(try await lab.publish(lab.batch(table, "b", rows: 5)) == .accepted(2, 5))
      #expect(try await lab.publish(table, TestEvent("c"), TestEvent("a")).tokens == [7, 1])
      #expect(try await lab.publish(lab.batch(table, "d", rows: 1)) == .accepted(8, 1))
      #expect(try await lab.catalog.violations().isEmpty)
      let receipt = try await lab.commitAll([table.tenant])
      #expect(
        try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == Array(1...8))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aKeyThatWasUsedGetsItsFirstReceiptOrARefusal(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let batch = lab.batch(table, "k", rows: 4)
      #expect(try await lab.publish(batch) == .accepted(1, 4))
      #expect(try await lab.publish(batch) == .duplicate(1, 4))
      #expect(try await lab.publish(lab.batch(table, "k", rows: 4, content: 2)) == .keyReused)
      // Keys come before schemas.
      #expect(
        try await lab.publish(lab.batch(table, "k", rows: 4, schemaVersion: 9)) == .duplicate(1, 4))
      #expect(
        try await lab.publish(lab.batch(table, "new", schemaVersion: 9)) == .schemaChanged)
      let standing = try await lab.batches.standing(of: batch.key, producer: nil)
      #expect(standing.receipt == BatchReceipt(firstToken: VisibilityToken(1), count: 4))
      #expect(standing.content == 1)
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      #expect(try await lab.publish(batch) == .tableGone)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aProducersNumbersGoUpByOne(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      func publish(_ epoch: Int64, _ sequence: Int64, content: Int64 = 1) async throws
        -> BatchOutcome
      {
        try await lab.publish(
          lab.batch(table, "p", rows: 1, content: content, producer: (epoch, sequence)))
      }
      for sequence in Int64(0)..<8 {
        #expect(try await publish(1, sequence) == .accepted(sequence + 1, 1))
      }
      #expect(try await publish(1, 7) == .duplicate(8, 1))
      #expect(try await publish(1, 3) == .duplicate(4, 1))
      #expect(try await publish(1, 2) == .producerGap(expected: 8))
      #expect(try await publish(1, 9) == .producerGap(expected: 8))
      #expect(try await publish(1, 7, content: 2) == .keyReused)
      #expect(try await publish(0, 8) == .producerFenced(current: 1))
      #expect(try await publish(2, 0) == .accepted(9, 1))
      #expect(try await publish(1, 8) == .producerFenced(current: 2))
      let other = lab.batch(table, "q", rows: 1, producer: (0, 5))
      #expect(try await lab.publish(other) == .accepted(10, 1))
      // Before where the epoch began there is nothing to repeat.
      #expect(
        try await lab.publish(lab.batch(table, "q", rows: 1, producer: (0, 4)))
          == .producerGap(expected: 6))
      let standing = try await lab.batches.standing(of: other.key, producer: other.producer?.id)
      #expect(standing.producer == ProducerState(epoch: 0, sequence: 5))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// Both stores do as the pure rule says, whatever a producer sends.
  @Test(arguments: StoreBackends.all, [UInt64(1), 2, 3])
  func producersAreJudgedByTheOneRule(_ kind: StoreKind, _ seed: UInt64) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      var random = SeededGenerator(seed: seed)
      var state: ProducerState?
      var receipts: [String: BatchReceipt] = [:]
      var head: Int64 = 0
      for _ in 0..<150 {
        let epoch =
          (state?.epoch ?? 0) + Int64(random.below(12) == 0 ? 1 : 0)
          - Int64(random.below(12) == 0 ? 1 : 0)
        guard epoch >= 0 else { continue }
        let sequence = max(0, (state?.sequence ?? 0) + Int64(random.below(9)) - 6)
        let rows = 1 + random.below(3)
        let batch = lab.batch(table, "p", rows: rows, producer: (epoch, sequence))
        let expected: BatchOutcome
        let known = receipts["\(epoch)/\(sequence)"]
        switch ProducerRules.judge(epoch: epoch, sequence: sequence, state) {
        case .fenced(let current): expected = .producerFenced(current: current)
        case .gap(let next): expected = .producerGap(expected: next)
        case .repeated:
          expected = known.map { .duplicate($0) } ?? .producerGap(expected: state!.sequence + 1)
        case .next:
          let receipt = BatchReceipt(firstToken: VisibilityToken(head + 1), count: rows)
          expected = .accepted(receipt)
          receipts["\(epoch)/\(sequence)"] = receipt
          head += Int64(rows)
          state = ProducerState(epoch: epoch, sequence: sequence)
        }
        #expect(try await lab.publish(batch) == expected, "seed \(seed)")
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func ofBatchesWithOneKeyAtOnceOneIsAccepted(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for round in 0..<10 {
        let outcomes = try await withThrowingTaskGroup(of: BatchOutcome.self) { group in
          for _ in 0..<6 {
            group.addTask { try await lab.publish(lab.batch(table, "k\(round)", rows: 3)) }
            group.addTask {
              try await lab.publish(
                lab.batch(table, "p", rows: 2, producer: (1, Int64(round))))
            }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        let accepted = outcomes.filter { if case .accepted = $0 { true } else { false } }
        let duplicates = outcomes.filter { if case .duplicate = $0 { true } else { false } }
        #expect(accepted.count == 2)
        #expect(duplicates.count == 10)
      }
      #expect(try await lab.catalog.violations().isEmpty)
      let receipt = try await lab.commitAll([table.tenant])
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == Array(1...50))
    }
  }

  // MARK: Uploads

  @Test(arguments: StoreBackends.all)
  func anUploadIsNamedOnceAndCollectedWhenItsEventsAreVisible(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let upload = UploadID.random()
      try await lab.batches.beginUpload(upload, tenant: table.tenant, leaseMs: 60_000)
      let batch = lab.batch(table, "k", rows: 7, upload: upload)
      #expect(try await lab.publish(batch) == .accepted(1, 7))
      #expect(try await lab.publish(batch) == .duplicate(1, 7))
      #expect(try await !lab.batches.abandonUpload(upload))
      lab.clock.advanceLease(milliseconds: 120_000)
      #expect(try await lab.batches.collectableUploads(settledSeconds: 0, limit: 10).isEmpty)
      let claims = try await lab.claim(OwnerID("owner"), [table.tenant])
      #expect(claims.first?.to == VisibilityToken(7))
      guard
        case .staged(let staged)? = try claims.first?.segments.first.map({
          try SegmentCodec.content(of: $0.body)
        })
      else {
        Issue.record("the segment refers to no files")
        return
      }
      #expect(staged.upload == upload)
      _ = try await lab.catalog.commit(
        EventCommit(
          id: .random(), owner: OwnerID("owner"), fences: claims.map(\.fence),
          tables: [CommittedTable(table: table.id, schemaVersion: 1)],
          files: [lab.write(Array(1...7), of: table.id)],
          ledger: [
            NewLedgerRow(
              tenant: table.tenant, table: table.id, counts: LedgerCounts(inserted: 7))
          ], deadLetters: []))
      // A catalog from before the commit may yet be restored.
      #expect(try await lab.batches.collectableUploads(settledSeconds: 60, limit: 10).isEmpty)
      lab.clock.advanceWall(milliseconds: 61_000)
      #expect(try await lab.batches.collectableUploads(settledSeconds: 60, limit: 10) == [upload])
      try await lab.batches.forgetUploads([upload])
      #expect(try await lab.batches.collectableUploads(settledSeconds: 60, limit: 10).isEmpty)
      #expect(try await lab.batches.unknownUploads(among: [upload]) == [upload])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func anUploadThatWasGivenUpOrIsOutOfItsLeaseIsNeverNamed(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let (late, left, unknown) = (UploadID.random(), UploadID.random(), UploadID.random())
      try await lab.batches.beginUpload(late, tenant: table.tenant, leaseMs: 1_000)
      try await lab.batches.beginUpload(left, tenant: table.tenant, leaseMs: 60_000)
      #expect(try await lab.batches.unknownUploads(among: [late, left, unknown]) == [unknown])
      #expect(try await lab.batches.abandonUpload(left))
      #expect(try await lab.batches.abandonUpload(left))
      #expect(try await !lab.batches.abandonUpload(unknown))
      lab.clock.advanceLease(milliseconds: 1_000)
      for upload in [late, left, unknown] {
        #expect(try await lab.publish(lab.batch(table, "k", upload: upload)) == .uploadExpired)
      }
      // Nothing was taken by the refusals.
      #expect(try await lab.publish(lab.batch(table, "k", rows: 1)) == .accepted(1, 1))
      let collected = try await lab.batches.collectableUploads(settledSeconds: 600, limit: 10)
      #expect(Set(collected) == [late, left])
      #expect(try await lab.batches.collectableUploads(settledSeconds: 600, limit: 1).count == 1)
      try await lab.batches.forgetUploads(collected)
      #expect(try await lab.batches.collectableUploads(settledSeconds: 600, limit: 10).isEmpty)
    }
  }

  /// Whoever comes first, the collector never takes the files of an upload that a segment names.
  @Test(arguments: StoreBackends.all)
  func namingAndGivingUpAtOnceHaveOneWinner(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for round in 0..<20 {
        let upload = UploadID.random()
        try await lab.batches.beginUpload(upload, tenant: table.tenant, leaseMs: 60_000)
        async let publishing = lab.publish(lab.batch(table, "k\(round)", upload: upload))
        async let leaving = lab.batches.abandonUpload(upload)
        let (outcome, isAbandoned) = try await (publishing, leaving)
        switch outcome {
        case .accepted: #expect(!isAbandoned)
        case .uploadExpired: #expect(isAbandoned)
        default: Issue.record("\(outcome)")
        }
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }
}

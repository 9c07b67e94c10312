import Catalog
import Consistency
import IngestBus
import Model
import Publisher
import Runtime
import TestSupport
import Testing

/// A bus that loses its first answer and gives the second.
private struct ForgetfulBatchBus: BatchBus {
  let cut = FailingTimes(1)
  let second: BatchOutcome

  func publish(_ batch: BatchPublish) async throws(BusError) -> BatchOutcome {
    if cut.isFailing { throw .outcomeUnknown(reason: "the answer was lost") }
    return second
  }

  func standing(
    of key: KeyHash, producer: KeyHash?
  ) async throws(BusError) -> BatchStanding { throw .closed }
  func beginUpload(
    _ upload: UploadID, tenant: TenantID, leaseMs: Int
  ) async throws(BusError) { throw .closed }
  func abandonUpload(_ upload: UploadID) async throws(BusError) -> Bool { throw .closed }
  func collectableUploads(
    settledSeconds: Int, limit: Int
  ) async throws(BusError) -> [UploadID] { throw .closed }
  func forgetUploads(_ uploads: [UploadID]) async throws(BusError) { throw .closed }
  func unknownUploads(
    among uploads: [UploadID]
  ) async throws(BusError) -> [UploadID] { throw .closed }
}

extension PublisherTests.TableChange {
  fileprivate func happen(to table: TableRecord, _ mesh: Mesh) async throws {
    switch self {
    case .drop: _ = try await mesh.catalog.dropTable(named: table.name, tenant: table.tenant)
    case .alteration:
      let columns = table.definition.schema.columns + [.init(name: "later", type: .bigint)]
      _ = try await mesh.evolve(
        table, to: EvolvingTable.Step(columns: columns, payloads: []))
    }
  }
}

/// The publisher over a real bus, and over one that fails.
@Suite struct PublisherTests {
  /// The bus of a mesh, with what a test does to its publishing.
  private struct BreakableBus: IngestBus {
    typealias Hook = @Sendable () async throws(BusError) -> Void
    let inner: any IngestBus
    let before: Hook
    let after: Hook

    init(
      _ inner: any IngestBus, before: @escaping Hook = { () async throws(BusError) in },
      after: @escaping Hook = { () async throws(BusError) in }
    ) {
      self.inner = inner
      self.before = before
      self.after = after
    }

    func publish(_ group: PublishGroup) async throws(BusError) -> [PublishOutcome] {
      try await before()
      let outcomes = try await inner.publish(group)
      try await after()
      return outcomes
    }

    func receipts(for keys: [KeyHash]) async throws(BusError) -> [KeyReceipt?] {
      try await inner.receipts(for: keys)
    }

    func claimBatch(
      owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
    ) async throws(BusError) -> [TenantClaim] {
      try await inner.claimBatch(owner: owner, tenants: tenants, limit: limit, leaseMs: leaseMs)
    }

    func extendLease(
      owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], leaseMs: Int
    ) async throws(BusError) -> [TenantID] {
      try await inner.extendLease(owner: owner, claims: claims, leaseMs: leaseMs)
    }

    func acknowledge(
      _ watermarks: [(tenant: TenantID, through: VisibilityToken)]
    ) async throws(BusError) {
      try await inner.acknowledge(watermarks)
    }

    func release(
      owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
    ) async throws(BusError) {
      try await inner.release(owner: owner, claims: claims, reason: reason)
    }

    func requeueExpired() async throws(BusError) -> [TenantID] {
      try await inner.requeueExpired()
    }

    func backlog() async throws(BusError) -> [TenantBacklog] { try await inner.backlog() }
  }

  private func submission(_ table: TableRecord, _ id: Int, bytes: Int = 10) -> Submission {
    let payload = #"{"id":\#(id),"note":"\#(String(repeating: "x", count: bytes))"}"#
    let record = EventRecord(
      operation: .insert, idempotencyKey: Array("k\(id)".utf8), payload: Array(payload.utf8))
    return Submission(
      tenant: table.tenant,
      request: PublishRequest(
        table: table.id, schemaVersion: table.schemaVersion,
        records: [
          .init(
            key: KeyHash(high: UInt64(table.id.rawValue), low: UInt64(id)), content: Int64(id))
        ]),
      run: EventRun(
        table: table.id, schemaVersion: table.schemaVersion, traceID: "", records: [record]))
  }

  private func publisher(
    _ mesh: Mesh, _ bus: any IngestBus, _ options: Publisher.Options = .init()
  ) -> Publisher {
    Publisher(
      bus: bus, options: options, clock: SystemMonotonicClock(), metrics: mesh.metrics,
      logger: mesh.logger
    ) { _, _, _ in }
  }

  /// Runs the body beside a running publisher, and stops that in order afterwards.
  private func running(
    _ publisher: Publisher, _ body: (Publisher, Shutdown) async throws -> Void
  ) async throws {
    let shutdown = Shutdown()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await publisher.run(shutdown: shutdown) }
      defer { shutdown.request() }
      try await body(publisher, shutdown)
      shutdown.request()
      try await group.waitForAll()
    }
  }

  @Test func everySubmissionGetsAnAnswerAndATokenOfItsOwn() async throws {
    try await withMesh { mesh in
      let tables = [try await mesh.makeTable(of: "one"), try await mesh.makeTable(of: "two")]
      try await running(publisher(mesh, mesh.bus, .init(lanes: 2))) { publisher, _ in
        let tokens = try await withThrowingTaskGroup(of: (TenantID, Int64).self) { group in
          for id in 0..<500 {
            let table = tables[id % 2]
            group.addTask {
              guard
                case .accepted(let receipt) = try await publisher.publish(
                  submission(table, id))
              else { throw NeverHappened(what: "acceptance") }
              return (table.tenant, receipt.highestToken.rawValue)
            }
          }
          return try await group.reduce(into: [TenantID: [Int64]]()) {
            $0[$1.0, default: []].append($1.1)
          }
        }
        for table in tables { #expect(tokens[table.tenant]?.sorted() == Array(1...250)) }
      }
    }
  }

  @Test func aGroupWhoseAnswerIsLostIsPublishedOnce() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let cut = FailingTimes(2)
      let bus = BreakableBus(
        mesh.bus,
        after: { () async throws(BusError) in
          if cut.isFailing { throw .outcomeUnknown(reason: "the answer was lost") }
        })
      try await running(publisher(mesh, bus)) { publisher, _ in
        let outcome = try await publisher.publish(submission(table, 1))
        guard case .accepted(let receipt) = outcome else {
          throw NeverHappened(what: "acceptance: \(outcome)")
        }
        #expect(receipt.tokens.map(\.rawValue) == [1])
      }
      #expect(try await mesh.account(of: table).acknowledged == 1)
    }
  }

  enum TableChange: CaseIterable { case drop, alteration }

  /// It may be in the table as it was: taken for a refusal it would be sent on, in the end to
  /// another table of that name.
  @Test(arguments: TableChange.allCases)
  func aLostAnswerBeforeAChangeOfTheTableIsAnUnknownOutcome(_ change: TableChange) async throws {
    try await withMesh { mesh in
      let (table, kept) = (try await mesh.makeTable(), try await mesh.makeTable(of: "two"))
      let cut = FailingTimes(1)
      let bus = BreakableBus(
        mesh.bus,
        after: { () async throws(BusError) in
          guard cut.isFailing else { return }
          try? await change.happen(to: table, mesh)
          throw .outcomeUnknown(reason: "the answer was lost")
        })
      try await running(publisher(mesh, bus)) { publisher, _ in
        await #expect(throws: PublisherError.outcomeUnknown) {
          _ = try await publisher.publish(submission(table, 1))
        }
        // Nothing is unknown about those that come after the drop, or to other tables.
        let later = try await publisher.publish(submission(table, 2))
        #expect(later == (change == .drop ? .tableGone : .schemaChanged))
        guard case .accepted = try await publisher.publish(submission(kept, 3)) else {
          throw NeverHappened(what: "acceptance")
        }
      }
      #expect(try await mesh.account(of: table).acknowledged == 1)
    }
  }

  @Test(arguments: [
    (BatchOutcome.tableGone, false), (.schemaChanged, false), (.producerFenced(current: 2), false),
    (.producerGap(expected: 3), false), (.keyReused, true),
    (.duplicate(BatchReceipt(firstToken: VisibilityToken(1), count: 1)), true),
  ])
  func aBatchWhoseAnswerIsLostIsRefusedOnlyByItsKey(
    _ second: BatchOutcome, _ isAnswer: Bool
  ) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let publisher = BatchPublisher(
        bus: ForgetfulBatchBus(second: second), clock: SystemMonotonicClock(),
        metrics: mesh.metrics
      ) { _, _, _ in }
      let batch = BatchPublish(
        tenant: table.tenant, table: table.id, schemaVersion: table.schemaVersion,
        key: KeyHash(high: 1, low: 1), content: 1, producer: nil,
        body: SegmentCodec.encode([submission(table, 1).run]), upload: nil)
      if isAnswer {
        #expect(try await publisher.publish(batch) == second)
      } else {
        await #expect(throws: PublisherError.outcomeUnknown) {
          _ = try await publisher.publish(batch)
        }
      }
    }
  }

  @Test func aFailureIsToldToEachAndTheLaneGoesOn() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let failing = FailingTimes(1)
      let bus = BreakableBus(
        mesh.bus,
        before: { () async throws(BusError) in
          if failing.isFailing { throw .storageFull }
        })
      try await running(publisher(mesh, bus)) { publisher, _ in
        await #expect(throws: PublisherError.storageFull) {
          try await publisher.publish(submission(table, 1))
        }
        _ = try await publisher.publish(submission(table, 2))
      }
      #expect(try await mesh.account(of: table).acknowledged == 1)
    }
  }

  @Test func whatWaitsAtTheStopIsPublishedAndWhatComesAfterItIsRefused() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let gate = Gate()
      let bus = BreakableBus(
        mesh.bus, before: { () async throws(BusError) in await gate.pass() })
      try await running(publisher(mesh, bus)) { publisher, shutdown in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for id in 0..<50 {
            group.addTask { _ = try await publisher.publish(submission(table, id)) }
          }
          try await eventually { gate.arrivals == 1 }
          shutdown.request()
          gate.open()
          do {
            try await group.waitForAll()
          } catch PublisherError.stopped {
            // One that came after the lane had ended.
          }
        }
        try await eventually {
          do {
            _ = try await publisher.publish(submission(table, 1_000))
            return false
          } catch PublisherError.stopped {
            return true
          }
        }
      }
    }
  }

  @Test func aFullQueueRefusesAndTakesOthersLater() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let gate = Gate()
      let bus = BreakableBus(
        mesh.bus, before: { () async throws(BusError) in await gate.pass() })
      try await running(publisher(mesh, bus, .init(waitingBytes: 10_000))) { publisher, _ in
        let refused = Guarded(0)
        await withTaskGroup(of: Void.self) { group in
          for id in 0..<40 {
            group.addTask {
              do {
                _ = try await publisher.publish(submission(table, id, bytes: 1_000))
              } catch PublisherError.queueFull {
                refused.withLock { $0 += 1 }
              } catch {
                Issue.record(error)
              }
            }
          }
          try? await eventually { refused.withLock { $0 } > 0 }
          gate.open()
        }
        #expect(refused.withLock { $0 } < 40)
        _ = try await publisher.publish(submission(table, 99, bytes: 1_000))
      }
      let published = try await mesh.account(of: table).acknowledged
      #expect(published >= 2)
    }
  }
}

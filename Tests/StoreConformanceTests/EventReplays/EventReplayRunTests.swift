import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Replayer
import Runtime
import Testing

/// Replays as they are carried out, beside others that carry out the same.
@Suite struct EventReplayRunTests {
  private static let eventCount = 60

  private func service(_ lab: Lab, _ hub: VisibilityHub) throws -> ReplayService {
    let bus = try #require(lab.bus as? any IngestBus & RetainedEvents)
    let catalog = try #require(lab.catalog as? any Catalog & EventReplayCatalog)
    return ReplayService(
      bus: bus, catalog: catalog, hub: hub,
      options: ReplayService.Options(
        pageRecords: 4, readBytes: 1, pagesInTurn: 2, patienceMs: 1, leaseMs: leaseMs, pollMs: 5),
      clock: SystemMonotonicClock(), metrics: DuckMeshMetrics(registry: MetricRegistry()),
      logger: try Logger.start(service: "test", minimumLevel: .error), mayPublish: { true },
      onPublished: { _, _, _ in })
  }

  /// Requests of three events: two new ones and one of the request before, which is skipped.
  private func publish(_ source: TableRecord, _ other: TableRecord, _ lab: Lab) async throws {
    for number in stride(from: 0, to: Self.eventCount, by: 2) {
      _ = try await lab.publish([
        Draft(
          source,
          (max(0, number - 1)..<number + 2).map { TestEvent("k\($0)", #"{"id":\#($0)}"#) })
      ])
      _ = try await lab.publish(other, TestEvent("o\(number)"))
    }
  }

  /// The payloads of a table's events in the order of their tokens.
  private func payloads(_ table: TableRecord, _ lab: Lab) async throws -> [String] {
    let everything = VisibilityToken(1)...VisibilityToken(1_000_000)
    var payloads: [String] = []
    var next = everything.lowerBound
    while true {
      let segments = try await lab.retained.retainedSegments(
        of: table.tenant, next...everything.upperBound, byteLimit: 1 << 20)
      guard let last = segments.last else { return payloads }
      next = last.lastToken.advanced(by: 1)
      for segment in segments {
        let skipped = Set(segment.skipped)
        let records = try SegmentCodec.decode(segment.body).flatMap { run in
          run.records.map { (run.table, $0) }
        }
        payloads += records.enumerated().filter {
          !skipped.contains($0.offset) && $0.element.0 == table.id
        }.map { String(decoding: $0.element.1.payload, as: UTF8.self) }
      }
    }
  }

  /// The leases run out again and again, so that three are at it at once, none of which knows.
  @Test(arguments: StoreBackends.all)
  func manyThatCarryOutTheSameReplayWriteEachEventOnceInOrder(_ kind: StoreKind) async throws {
    try await withLab(kind) { first in
      let lab = try await first.inAnotherProcess(
        retention: SegmentRetention(seconds: 3_600, events: 10_000))
      let source = try await lab.makeTable(of: "acme")
      let tenant = try await lab.makeTenant("acme")
      let (other, target) = (
        try await lab.makeTable("other", tenant), try await lab.makeTable("target", tenant)
      )
      try await publish(source, other, lab)
      try await lab.commitAndAcknowledge(tenant.id)
      let head = try await lab.catalog.progress(tenant: tenant.id).head
      let replay = try await lab.replays.beginReplay(
        EventReplayOrder(
          source: source.id, target: target.id, range: VisibilityToken(1)...head, series: ""),
        tenant: tenant.id
      ).replay
      let hub = VisibilityHub(waiterLimit: 100, clock: SystemMonotonicClock())
      let shutdown = Shutdown()
      let services = try (0..<3).map { _ in try service(lab, hub) }
      let ended: EventReplay? = try await withThrowingTaskGroup(of: Void.self) { group in
        for service in services { group.addTask { try await service.run(shutdown: shutdown) } }
        var standing: EventReplay?
        var round = 0
        repeat {
          round += 1
          // Long enough for a part now and then, and seldom for two.
          if round % 8 == 0 { lab.clock.advanceLease(milliseconds: leaseMs + 1) }
          try await commit(tenant.id, hub, lab)
          standing = try await lab.replays.eventReplays(tenant: tenant.id, before: nil, limit: 1)
            .first
        } while standing?.status == .running
        shutdown.request()
        try await group.waitForAll()
        return standing
      }
      #expect(ended?.id == replay.id && ended?.status == .completed)
      #expect(ended?.eventCount == Int64(Self.eventCount) && ended?.rejectedCount == 0)
      let sent = (0..<Self.eventCount).map { #"{"id":\#($0)}"# }
      #expect(try await payloads(source, lab) == sent)
      #expect(
        try await payloads(target, lab) == sent.map { $0.dropLast() + #","note":null}"# })
      let progress = try await lab.catalog.progress(tenant: tenant.id)
      #expect(progress.head == head.advanced(by: Self.eventCount))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// Commits what is pending, if anything is, and tells who waits.
  private func commit(_ tenant: TenantID, _ hub: VisibilityHub, _ lab: Lab) async throws {
    let owner = OwnerID("committer")
    let claims = try await lab.claim(owner, [tenant])
    guard claims.contains(where: { !$0.segments.isEmpty }) else { return await Task.yield() }
    let receipt = try await lab.catalog.commit(lab.materialise(claims, owner: owner))
    for claim in claims {
      hub.announce([(claim.tenant, .init(token: claim.to, snapshot: receipt.snapshot))])
    }
  }
}

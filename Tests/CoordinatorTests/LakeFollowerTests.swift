import Catalog
import Consistency
import Coordinator
import Model
import Runtime
import TestSupport
import Testing

/// A process without a coordinator learns of what another one commits.
@Suite struct LakeFollowerTests {
  private func following(
    _ mesh: Mesh, _ signals: LocalSignals, hub: VisibilityHub, pollIntervalMs: Int,
    handlers: LakeFollower.Handlers = .init(), _ body: @Sendable () async throws -> Void
  ) async throws {
    let follower = LakeFollower(
      signals: signals, catalog: mesh.catalog, hub: hub, handlers: handlers,
      pollIntervalMs: pollIntervalMs, clock: SystemMonotonicClock())
    let shutdown = Shutdown()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await follower.run(shutdown: shutdown) }
      do { try await body() } catch {
        shutdown.request()
        throw error
      }
      shutdown.request()
      try await group.waitForAll()
    }
  }

  private func hub() -> VisibilityHub {
    VisibilityHub(waiterLimit: 100, clock: SystemMonotonicClock())
  }

  private func waited(
    _ hub: VisibilityHub, _ table: TableRecord, _ token: Int64
  ) async -> BarrierState.Watermark? {
    let outcome = await hub.wait(
      tenant: table.tenant, token: VisibilityToken(token), timeoutMs: 60_000)
    if case .visible(let watermark) = outcome { return watermark }
    return nil
  }

  @Test func withoutASingleSignalTheCatalogIsAsked() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let hub = hub()
      try await following(mesh, LocalSignals(), hub: hub, pollIntervalMs: 10) {
        try await running(mesh.coordinator()) { _ in
          for round in 1...3 {
            try await mesh.publish(table, [row(round)])
            let watermark = try #require(await waited(hub, table, Int64(round)))
            let latest = try await mesh.catalog.latestSnapshot(tenant: table.tenant)
            #expect(watermark.token == latest.watermark && watermark.snapshot <= latest.id)
          }
        }
      }
    }
  }

  /// What is told twice would make events that came in between count as just come.
  @Test func whoFollowsVisibilityHearsOfEachWatermarkOnce() {
    let hub = hub()
    let heard = Lock<[Int64]>([])
    hub.onVisible { _, watermark in heard.withLock { $0.append(watermark.token.rawValue) } }
    for (token, snapshot) in [(3, 1), (3, 1), (2, 0), (3, 2), (5, 3), (3, 2), (5, 3), (6, 4)] {
      let watermark = BarrierState.Watermark(
        token: VisibilityToken(Int64(token)), snapshot: SnapshotID(Int64(snapshot)))
      hub.announce([(tenant: TenantID(1), watermark: watermark)])
      if token == 5 { hub.announce([(tenant: TenantID(2), watermark: watermark)]) }
    }
    #expect(heard.withLock { $0 } == [3, 5, 5, 6])
  }

  @Test func aSignalReleasesWithoutAskingTheCatalog() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let hub = hub()
      let signals = LocalSignals()
      try await following(mesh, signals, hub: hub, pollIntervalMs: 3_600_000) {
        // The stream begins with the word to ask for everything; nothing is there yet.
        async let watermark = waited(hub, table, 7)
        try await eventually { hub.waiterCount == 1 }
        let told = LakeSignal.CommittedTenant(
          tenant: table.tenant, watermark: VisibilityToken(7), snapshot: SnapshotID(12))
        try await eventually {
          signals.tell(.committed([told]))
          return hub.waiterCount == 0
        }
        let released = await watermark
        #expect(released?.snapshot == SnapshotID(12))
      }
    }
  }

  @Test func lostSignalsAreMadeUpFor() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let hub = hub()
      let signals = LocalSignals()
      let forgotten = Guarded(0)
      let handlers = LakeFollower.Handlers(
        tablesChanged: { tenant in if tenant == nil { forgotten.withLock { $0 += 1 } } })
      try await following(
        mesh, signals, hub: hub, pollIntervalMs: 3_600_000, handlers: handlers
      ) {
        try await eventually { forgotten.withLock { $0 } == 1 }
        try await running(mesh.coordinator()) { _ in
          try await mesh.publish(table, [row(1)])
          try await mesh.wait(table, VisibilityToken(1))
        }
        #expect(hub.watermark(of: table.tenant)?.token != VisibilityToken(1))
        // A signal of a later commit is no word on the ones before it.
        signals.tell(
          .committed([
            .init(
              tenant: TenantID(999), watermark: VisibilityToken(1), snapshot: SnapshotID(999))
          ]))
        signals.tell(.missed)
        #expect(await waited(hub, table, 1)?.token == VisibilityToken(1))
        #expect(forgotten.withLock { $0 } == 2)
      }
    }
  }

  @Test func whatIsAskedForAndNotHeardIsAskedAgain() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let hub = hub()
      let signals = LocalSignals()
      let demands = Guarded<[VisibilityToken]>([])
      let handlers = LakeFollower.Handlers(
        demanded: { _, token in demands.withLock { $0.append(token) } })
      try await following(mesh, signals, hub: hub, pollIntervalMs: 10, handlers: handlers) {
        // Nobody passes it on: as if the connection had been away at that moment.
        try await withThrowingTaskGroup(of: BarrierState.Watermark?.self) { group in
          group.addTask { await waited(hub, table, 1) }
          try await eventually { demands.withLock { $0.count } >= 2 }
          try await running(mesh.coordinator()) { _ in
            try await mesh.publish(table, [row(1)])
            try await mesh.wait(table, VisibilityToken(1))
          }
          let released = try #require(try await group.next())
          #expect(released?.token == VisibilityToken(1))
        }
        #expect(demands.withLock { $0 }.allSatisfy { $0 == VisibilityToken(1) })
      }
    }
  }
}

import Catalog
import Model
import PostgreSQLStore
import Runtime
import TestSupport
import Testing

/// What processes tell each other of a lake, and what a subscriber gets who was not there.
@Suite struct LakeSignalsTests {
  @Test func everySubscriberBeginsByReadingAnewAndHearsWhatIsTold() async throws {
    let signals = LocalSignals()
    var streams = [signals.subscribe(), signals.subscribe()].map { $0.makeAsyncIterator() }
    let told: [LakeSignal] = [
      .committed([
        .init(tenant: TenantID(3), watermark: VisibilityToken(9), snapshot: SnapshotID(4))
      ]), .tablesChanged(tenant: TenantID(3)),
    ]
    for signal in told { signals.tell(signal) }
    signals.send(demand: TenantID(3), token: VisibilityToken(10))
    let expected = [.missed] + told + [.demanded(tenant: TenantID(3), token: VisibilityToken(10))]
    for index in streams.indices {
      var heard: [LakeSignal] = []
      for _ in expected { heard.append(try #require(await streams[index].next())) }
      #expect(heard == expected)
    }
    signals.close()
    #expect(await streams[0].next() == nil)
    var late = signals.subscribe().makeAsyncIterator()
    #expect(await late.next() == .missed)
    #expect(await late.next() == nil)
  }

  @Test func aSubscriberThatFallsBehindIsToldSoInsteadOfHoldingMemory() async throws {
    let signals = LocalSignals(bufferLimit: 4)
    var stream = signals.subscribe().makeAsyncIterator()
    #expect(await stream.next() == .missed)
    for tenant in 1...5 { signals.tell(.tablesChanged(tenant: TenantID(Int64(tenant)))) }
    signals.tell(.tablesChanged(tenant: TenantID(6)))
    #expect(await stream.next() == .missed)
    #expect(await stream.next() == .tablesChanged(tenant: TenantID(6)))
  }

  @Test func aCancelledSubscriberStopsWaiting() async throws {
    let signals = LocalSignals()
    let stream = signals.subscribe()
    let heard = await withTaskGroup(of: Int.self) { group in
      group.addTask {
        var count = 0
        for await _ in stream { count += 1 }
        return count
      }
      group.cancelAll()
      return await group.reduce(0, +)
    }
    #expect(heard <= 1)
  }

  @Test func commitsTableChangesAndDemandsReachOtherProcesses() async throws {
    try await withSignals { lab, first, second in
      var stream = second.subscribe().makeAsyncIterator()
      let tenant = try await lab.makeTenant("acme")
      #expect(await heard(.missed, &stream))
      let table = try await lab.makeTable("events", tenant)
      #expect(await heard(.tablesChanged(tenant: tenant.id), &stream))
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b"))
      first.send(demand: tenant.id, token: VisibilityToken(2))
      #expect(await heard(.demanded(tenant: tenant.id, token: VisibilityToken(2)), &stream))
      _ = try await lab.commitAll([tenant.id])
      let snapshot = try await lab.catalog.latestSnapshot(tenant: tenant.id)
      #expect(
        await heard(
          .committed([
            .init(tenant: tenant.id, watermark: VisibilityToken(2), snapshot: snapshot.id)
          ]), &stream))
      _ = try await lab.catalog.dropTable(named: "events", tenant: tenant.id)
      #expect(await heard(.tablesChanged(tenant: tenant.id), &stream))
    }
  }

  @Test func demandsOfManyTenantsAreGatheredAndNoneIsLost() async throws {
    try await withSignals { _, first, second in
      var stream = second.subscribe().makeAsyncIterator()
      var awaited: Set<Int64> = Set(1...400)
      for tenant in awaited {
        for token in 1...3 {
          first.send(demand: TenantID(tenant), token: VisibilityToken(Int64(token)))
        }
      }
      while !awaited.isEmpty, let signal = await stream.next() {
        if case .demanded(let tenant, let token) = signal, token == VisibilityToken(3) {
          awaited.remove(tenant.rawValue)
        }
      }
      #expect(awaited.isEmpty)
    }
  }

  @Test func aLostConnectionIsToldAsMissedAndMadeAgain() async throws {
    try await withSignals { lab, first, second in
      var stream = second.subscribe().makeAsyncIterator()
      let tenant = try await lab.makeTenant("acme")
      _ = try await lab.makeTable("events", tenant)
      #expect(await heard(.tablesChanged(tenant: tenant.id), &stream))
      try await lab.backend.damage(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'duckmesh-listener'
        """)
      #expect(await heard(.missed, &stream))
      first.send(demand: tenant.id, token: VisibilityToken(1))
      #expect(await heard(.demanded(tenant: tenant.id, token: VisibilityToken(1)), &stream))
    }
  }

  @Test func aCommitOfMoreTenantsThanANotificationHoldsIsTakenAsMissed() async throws {
    try await withSignals { lab, _, second in
      var tenants: [TenantID] = []
      for number in 0..<3 { tenants.append(try await lab.makeTable(of: "tenant-\(number)").tenant) }
      var stream = second.subscribe().makeAsyncIterator()
      // Two that wait become one: the first is taken before the second can come.
      #expect(await heard(.missed, &stream))
      // As the commit's own function tells it, for as many tenants as do not fit.
      try await lab.backend.damage(
        """
        DO $$ BEGIN EXECUTE 'SELECT ' || (
          SELECT proname FROM pg_proc WHERE proname ~ '^duckmesh_signal_committed_')
          || '(7, (SELECT array_agg(i) FROM generate_series(1, 2000) AS i),'
          || ' (SELECT array_agg(i) FROM generate_series(1, 2000) AS i))'; END $$
        """)
      #expect(await heard(.missed, &stream))
    }
  }

  /// Reads until the signal comes; what comes besides is allowed, for signals may come twice.
  private func heard(
    _ signal: LakeSignal, _ stream: inout AsyncStream<LakeSignal>.Iterator
  ) async -> Bool {
    while let next = await stream.next() {
      if next == signal { return true }
    }
    return false
  }

  /// Runs a test with the signals of two processes on one database, both listening.
  private func withSignals(
    _ body: @escaping @Sendable (Lab, PostgreSQLSignals, PostgreSQLSignals) async throws -> Void
  ) async throws {
    try await withPostgreSQL { lab, backend in
      var signals: [PostgreSQLSignals] = []
      for _ in 0..<2 {
        signals.append(
          PostgreSQLSignals(database: try await backend.openDatabase(backend.options)))
      }
      let (first, second) = (signals[0], signals[1])
      let shutdown = Shutdown()
      var stream = second.subscribe().makeAsyncIterator()
      #expect(await heard(.missed, &stream))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for each in [first, second] { group.addTask { try await each.run(shutdown: shutdown) } }
        // It listens.
        #expect(await heard(.missed, &stream))
        let result: Result<Void, any Error>
        do { result = .success(try await body(lab, first, second)) } catch {
          result = .failure(error)
        }
        shutdown.request()
        try await group.waitForAll()
        try result.get()
      }
    }
  }
}

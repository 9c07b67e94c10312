import Consistency
import IngestBus
import Model
import PostgreSQLStore
import Testing

/// Coordinators count each other by the database's clock.
@Suite struct MembershipTests {
  private let first = OwnerID("first")
  private let second = OwnerID("second")

  private func withMembership(
    _ body: (Lab, PostgreSQLMembership) async throws -> Void
  ) async throws {
    let clock = TestClock()
    let backend = try await PostgreSQLBackend(clock: clock)
    do {
      let database = try await backend.openDatabase(backend.options)
      let store = OpenStore(
        bus: PostgreSQLIngestBus(database: database),
        catalog: PostgreSQLCatalog(database: database))
      try await body(
        Lab(backend: backend, clock: clock, store: store, lake: TokenLake()),
        PostgreSQLMembership(database: database))
    } catch {
      await backend.remove()
      throw error
    }
    await backend.remove()
  }

  @Test func theLivingAreCountedAndTheDeadAreNot() async throws {
    try await withMembership { lab, membership in
      func live(_ owner: OwnerID) async throws -> Int {
        try await membership.heartbeat(owner: owner, lifetimeMs: 3_000).liveCoordinators
      }
      #expect(try await live(first) == 1)
      #expect(try await live(second) == 2)
      #expect(try await live(first) == 2)
      lab.clock.advanceLease(milliseconds: 2_999)
      #expect(try await live(second) == 2)
      lab.clock.advanceLease(milliseconds: 1)
      #expect(try await live(second) == 1)
      #expect(try await live(first) == 2)
      try await membership.leave(owner: first)
      #expect(try await live(second) == 1)
      // Rows of the long dead do not stay for ever, and do no harm while they do.
      for dead in 0..<20 { _ = try await live(OwnerID("dead-\(dead)")) }
      lab.clock.advanceLease(milliseconds: 3_600_000)
      #expect(try await live(second) == 1)
    }
  }

  @Test func tenantsWithEventsOrALeaseAreToBeShared() async throws {
    try await withMembership { lab, membership in
      func active() async throws -> Int {
        try await membership.heartbeat(owner: first, lifetimeMs: 3_000).activeTenants
      }
      let one = try await lab.makeTable(of: "one")
      let two = try await lab.makeTable(of: "two")
      #expect(try await active() == 0)
      try await lab.publishRows(one, 1)
      #expect(try await active() == 1)
      try await lab.publishRows(two, 1)
      #expect(try await active() == 2)
      try await lab.commitAll([one.tenant, two.tenant], owner: first)
      #expect(try await active() == 2)
      lab.clock.advanceLease(milliseconds: leaseMs)
      #expect(try await active() == 0)
    }
  }
}

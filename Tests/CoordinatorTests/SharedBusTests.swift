import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import Runtime
import TestSupport
import Testing

/// Several coordinators over one bus, as in processes of their own: none of them is told what
/// others publish.
@Suite struct SharedBusTests {
  /// A cluster that is always seen the same.
  private struct FixedMembership: Membership {
    let view: ClaimShare.View

    func heartbeat(
      owner: OwnerID, lifetimeMs: Int
    ) async throws(BusError) -> ClaimShare.View { view }

    func leave(owner: OwnerID) async throws(BusError) {}
  }

  private func pair(active: Int) -> FixedMembership {
    FixedMembership(view: .init(liveCoordinators: 2, activeTenants: active))
  }

  private func owners(_ mesh: Mesh) async throws -> Int64 {
    try await mesh.number(
      "SELECT count(DISTINCT owner) FROM duckmesh_consumer WHERE owner IS NOT NULL")
  }

  @Test func eventsThatNobodyToldOfBecomeVisible() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await running(mesh.coordinator(membership: pair(active: 1))) { _ in
        let tokens = try await mesh.publish(table, (0..<3).map(row))
        try await eventually {
          mesh.hub.watermark(of: table.tenant)?.token == tokens.last
        }
        #expect(try await mesh.rows(of: table) == (0..<3).map(row))
      }
    }
  }

  @Test func aDemandFromElsewhereNeedsNoLookAtTheBus() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      // It would look in an hour, and flush an hour later.
      let slow = mesh.coordinator(membership: pair(active: 1)) { options in
        options.backlogIntervalMs = 3_600_000
        options.flush = .init(flushIntervalMs: 3_600_000, longestAgeMs: 3_600_000)
      }
      try await running(slow) { coordinator in
        for round in 0..<3 {
          let token = try #require(try await mesh.publish(table, [row(round)]).last)
          coordinator.demanded(tenant: table.tenant, token: token)
          try await eventually { mesh.hub.watermark(of: table.tenant)?.token == token }
        }
      }
      #expect(try await mesh.rows(of: table) == (0..<3).map(row))
    }
  }

  @Test func tenantsAreSharedAndEveryEventIsThereOnce() async throws {
    try await withMesh { mesh in
      var tables: [TableRecord] = []
      for tenant in 0..<8 { tables.append(try await mesh.makeTable(of: "tenant-\(tenant)")) }
      let all = tables
      let first = mesh.coordinator(membership: pair(active: 8))
      let second = mesh.coordinator(membership: pair(active: 8))
      try await running(first) { _ in
        try await running(second) { _ in
          for round in 0..<5 {
            for table in all { try await mesh.publish(table, [row(round)]) }
            for table in all { try await mesh.wait(table, VisibilityToken(Int64(round) + 1)) }
          }
          #expect(try await owners(mesh) == 2)
        }
        // What the second held is taken over at once: it was given back.
        for table in all { try await mesh.publish(table, [row(5)]) }
        for table in all { try await mesh.wait(table, VisibilityToken(6)) }
      }
      for table in all {
        #expect(try await mesh.rows(of: table) == (0..<6).map(row))
      }
      try await mesh.expectClean()
    }
  }

  @Test func whoHoldsTooMuchGivesItBack() async throws {
    try await withMesh { mesh in
      var tables: [TableRecord] = []
      for tenant in 0..<6 { tables.append(try await mesh.makeTable(of: "tenant-\(tenant)")) }
      let all = tables
      let view = Guarded(ClaimShare.View.alone)
      try await running(
        mesh.coordinator(membership: ChangingMembership(view)) { options in
          options.heartbeatMs = 20
          options.leaseMs = 60_000
        }
      ) { _ in
        for table in all { try await mesh.publish(table, [row(0)]) }
        for table in all { try await mesh.wait(table, VisibilityToken(1)) }
        let held = "SELECT count(*) FROM duckmesh_consumer WHERE owner IS NOT NULL"
        #expect(try await mesh.number(held) == 6)
        view.withLock { $0 = .init(liveCoordinators: 2, activeTenants: 6) }
        try await eventually { try await mesh.number(held) == 3 }
        // Nobody else is there in truth, so the events are taken after the patience all the same.
        for table in all { try await mesh.publish(table, [row(1)]) }
        for table in all { try await mesh.wait(table, VisibilityToken(2)) }
      }
      for table in all { #expect(try await mesh.rows(of: table) == [row(0), row(1)]) }
    }
  }

  @Test func aStoppingCoordinatorLeavesToOthersWhatItDoesNotHold() async throws {
    try await withMesh { mesh in
      let held = try await mesh.makeTable(of: "held")
      let free = try await mesh.makeTable(of: "free")
      let coordinator = mesh.coordinator(membership: pair(active: 2)) { options in
        options.backlogIntervalMs = 3_600_000
        options.flush = .init(flushIntervalMs: 3_600_000, longestAgeMs: 3_600_000)
        options.leaseMs = 60_000
      }
      try await running(coordinator) { coordinator in
        let first = try #require(try await mesh.publish(held, [row(0)]).last)
        coordinator.demanded(tenant: held.tenant, token: first)
        try await mesh.wait(held, first)
        // Pending with both at the end, and nobody waits.
        try await mesh.publish(held, [row(1)], telling: coordinator)
        try await mesh.publish(free, [row(2)], telling: coordinator)
      }
      #expect(try await mesh.rows(of: held) == [row(0), row(1)])
      #expect(try await mesh.rows(of: free).isEmpty)
      #expect(try await owners(mesh) == 0)
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(free, VisibilityToken(1))
      }
      #expect(try await mesh.rows(of: free) == [row(2)])
      try await mesh.expectClean()
    }
  }

  /// A membership whose view a test changes.
  private final class ChangingMembership: Membership {
    private let view: @Sendable () -> ClaimShare.View

    init(_ view: Guarded<ClaimShare.View>) { self.view = { view.withLock { $0 } } }

    func heartbeat(
      owner: OwnerID, lifetimeMs: Int
    ) async throws(BusError) -> ClaimShare.View { view() }

    func leave(owner: OwnerID) async throws(BusError) {}
  }
}

import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import ObjectStore
import Runtime
import TestSupport
import Testing

/// Who flies when, with whom, and that nobody is left on the ground.
@Suite struct FlightTests {
  /// Never by itself within a test.
  private static let never = 3_600_000

  private func demandOnly(_ mesh: Mesh) -> Coordinator {
    mesh.coordinator {
      $0.flush = .init(
        flushIntervalMs: Self.never, longestAgeMs: Self.never, flushBytes: .max)
      $0.backlogIntervalMs = Self.never
    }
  }

  @Test func aWaiterMakesTheFlushHappenAtOnce() async throws {
    try await withMesh { mesh in
      let (waited, idle) = (
        try await mesh.makeTable(of: "waited"), try await mesh.makeTable(of: "idle")
      )
      try await running(demandOnly(mesh)) { coordinator in
        let token = try await mesh.publishRows(waited, 0..<3, telling: coordinator)
        _ = try await mesh.publishRows(idle, 0..<3, telling: coordinator)
        try await mesh.wait(waited, token)
        #expect(try await mesh.account(of: idle).pending == 3)
      }
      #expect(try await mesh.account(of: idle).pending == 0, "the end commits what is pending")
    }
  }

  @Test func aDemandThatComesBeforeTheWordOfThePublishCounts() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await running(demandOnly(mesh)) { coordinator in
        let tokens = try await mesh.publish(table, [row(1)])
        let token = try #require(tokens.max())
        async let waiting: Void = mesh.wait(table, token)
        try await eventually { mesh.hub.waiterCount == 1 }
        coordinator.published(tenant: table.tenant, head: token, bytes: 10)
        try await waiting
      }
    }
  }

  @Test func eventsThatNobodyTellsOfAreFound() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await running(mesh.coordinator()) { _ in
        for round in 0..<3 {
          let token = try #require(try await mesh.publish(table, [row(round)]).max())
          try await eventually { mesh.hub.watermark(of: table.tenant)?.token == token }
        }
      }
    }
  }

  @Test func aLargeBatchDoesNotHoldUpWhoWaitsForFewEvents() async throws {
    try await withMesh { mesh in
      let large = [
        try await mesh.makeTable(of: "whale"), try await mesh.makeTable(of: "elephant"),
      ]
      let small = try await mesh.makeTable(of: "mouse")
      let gate = Gate()
      mesh.store.beforePut { (objects) async throws(ObjectStoreError) in
        if objects.contains(where: { !$0.key.hasPrefix(small.folder) }) { await gate.pass() }
      }
      let coordinator = mesh.coordinator { $0.largeFlightBytes = 10_000 }
      try await running(coordinator) { coordinator in
        // Both due first, and one of them holds its flight for as long as the mouse writes.
        for table in large {
          _ = try await mesh.publishRows(table, 0..<1_000, telling: coordinator)
        }
        try await eventually { gate.arrivals == 1 }
        for id in 0..<20 {
          let token = try await mesh.publishRows(small, id..<id + 1, telling: coordinator)
          try await mesh.wait(small, token)
        }
        #expect(gate.arrivals == 1, "the second large one leaves a place to the mouse")
        gate.open()
        for table in large { try await mesh.wait(table, VisibilityToken(1_000)) }
      }
      try await mesh.expectClean()
    }
  }

  @Test func tenantsThatAFullClaimLeftOutAreTheNext() async throws {
    try await withMesh { mesh in
      var tables: [TableRecord] = []
      for number in 0..<6 { tables.append(try await mesh.makeTable(of: "t\(number)")) }
      // One claim holds one tenant's events; nobody would remind the coordinator of the others.
      let coordinator = mesh.coordinator {
        $0.claim = ClaimLimit(tenants: 100, bytes: 1 << 20, records: 10)
        $0.backlogIntervalMs = Self.never
      }
      var tokens: [VisibilityToken] = []
      for table in tables {
        tokens.append(
          try #require(
            try await mesh.publish(
              table, (0..<10).map(row)
            ).max()))
      }
      let waited = zip(tables, tokens).map { $0 }
      try await running(coordinator) { coordinator in
        for (table, token) in waited {
          coordinator.published(tenant: table.tenant, head: token, bytes: 100)
        }
        for (table, token) in waited { try await mesh.wait(table, token) }
      }
    }
  }

  @Test func flightsNeverExceedTheirPlacesAndTheEndComes() async throws {
    try await withMesh { mesh in
      var tables: [TableRecord] = []
      for number in 0..<8 { tables.append(try await mesh.makeTable(of: "t\(number)")) }
      let all = tables
      let flying = Guarded((now: 0, most: 0))
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        flying.withLock { state in
          state.now += 1
          state.most = max(state.most, state.now)
        }
        await Task.yield()
        flying.withLock { $0.now -= 1 }
      }
      let coordinator = mesh.coordinator {
        $0.flush.flushIntervalMs = 1
        $0.largeFlightBytes = 1
      }
      // Each event is a flight of its own: several hundred take off and land.
      try await running(coordinator) { coordinator in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for table in all {
            group.addTask {
              for id in 0..<30 {
                let token = try await mesh.publishRows(table, id..<id + 1, telling: coordinator)
                if id % 3 == 0 { try await mesh.wait(table, token) }
              }
            }
          }
          try await group.waitForAll()
        }
      }
      let most = flying.withLock { $0.most }
      #expect(most <= mesh.engine.concurrency, "\(most) flights at once")
      for table in all { #expect(try await mesh.account(of: table).pending == 0) }
      try await mesh.expectClean()
    }
  }

  @Test func waitersThatGiveUpLeaveNothingBehind() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let coordinator = demandOnly(mesh)
      // Nobody commits yet: each of them gives up, by its time or because its client has gone.
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask {
            _ = await mesh.hub.wait(
              tenant: table.tenant, token: VisibilityToken(Int64(number + 1)),
              timeoutMs: number % 2 == 0 ? 1 : 3_600_000)
          }
        }
        while mesh.hub.waiterCount > 25 { await Task.yield() }
        group.cancelAll()
      }
      #expect(mesh.hub.waiterCount == 0)
      // Whoever asks next is served at once, also for an earlier token than they asked for.
      try await running(coordinator) { coordinator in
        let token = try await mesh.publishRows(table, 0..<3, telling: coordinator)
        try await mesh.wait(table, token)
      }
    }
  }
}

import Runtime

/// What clients do while faults happen. What each of them does next is drawn from the run's seed.
final class Workload: Sendable {
  let cluster: TortureCluster
  let history: History
  let clock = SystemMonotonicClock()
  /// Set when the time is over: what was begun is brought to its end.
  let isEnding = Guarded(false)
  /// How long an unknown answer is asked for again before that is a fault by itself.
  static let patienceSeconds = 600

  static let calm = [
    History.TableName(tenant: "north", table: "orders", isStormy: false),
    History.TableName(tenant: "north", table: "visits", isStormy: false),
    History.TableName(tenant: "south", table: "orders", isStormy: false),
    History.TableName(tenant: "storm", table: "calm", isStormy: false),
  ]
  static let gale = History.TableName(tenant: "storm", table: "gale", isStormy: true)
  static let tenants = ["north", "south", "storm"]

  init(_ cluster: TortureCluster, _ history: History) {
    self.cluster = cluster
    self.history = history
  }

  var goesOn: Bool { isEnding.withLock { !$0 } }

  func client(_ table: History.TableName) -> TortureClient { client(table.tenant) }

  func client(_ tenant: String) -> TortureClient {
    TortureClient(http: cluster.http.client, tenant: tenant)
  }

  func pause(_ milliseconds: Int) async throws {
    try await clock.sleep(until: clock.now.advanced(byMs: milliseconds))
  }

  /// Makes the tables that stay.
  func prepare() async throws {
    for table in Self.calm {
      let deadline = clock.now.advanced(byMs: Self.patienceSeconds * 1_000)
      while clock.now < deadline {
        let reply = await create(table, at: cluster.processes(with: "api")[0])
        if reply?.status == 201 || reply?.status == 409 { break }
        try await pause(100)
      }
    }
  }

  func create(_ table: History.TableName, at process: TortureProcess) async -> Reply? {
    await client(table).send(
      "POST", "/v1/tables",
      #"""
      {"table_name": "\#(table.table)", "schema_json": {"columns": [
        {"name": "n", "type": "BIGINT"},
        {"name": "content", "type": "\#(table.isStormy ? "INTEGER" : "BIGINT")"},
        {"name": "padding", "type": "VARCHAR"}]}}
      """#, to: process)
  }

  /// Runs all clients until `isEnding`, and what they have begun to its end.
  func run(seed: UInt64, writers: Int, readers: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<writers {
        group.addTask { try await self.write(SeededGenerator(seed: seed &+ UInt64(number))) }
      }
      for number in 0..<readers {
        group.addTask {
          try await self.read(SeededGenerator(seed: seed &+ 1_000 &+ UInt64(number)), number)
        }
      }
      group.addTask { try await self.storm(SeededGenerator(seed: seed &+ 2_000)) }
      group.addTask { try await self.operate(SeededGenerator(seed: seed &+ 3_000)) }
      try await group.waitForAll()
    }
  }
}

import Runtime
import Testing

/// Limits of rate, and one tenant's flood beside another's few writes.
@Suite(
  .sharedServer([
    "DUCKMESH_RATE_LIMIT_EVENTS_PER_SECOND": "10", "DUCKMESH_RATE_LIMIT_BURST_MS": "60000",
    "DUCKMESH_RATE_LIMIT_REQUESTS_PER_SECOND": "10",
  ])) struct RateLimitTests
{
  @Test func whoSendsMoreThanTheRateIsToldWhenToComeBackAndOthersAreNot() async throws {
    let flooder = try ServerProcess.shared.newTenant()
    let other = try ServerProcess.shared.newTenant()
    for client in [flooder, other] { try await client.createTable("t", "id BIGINT").expect(201) }
    let records = (0..<640).map { (key: "k\($0)", payload: #"{"id": 1}"#) }
    // The first is let in whole, whatever it costs; its debt is for the next to wait out.
    try await flooder.ingest("t", records).expect(200)
    let reply = try await flooder.ingest("t", [("later", #"{"id": 2}"#)])
    reply.expectError(429, "RATE_LIMITED")
    let seconds = try #require(reply.response.header("Retry-After").flatMap(Int.init))
    #expect((1...5).contains(seconds))
    try await other.ingest("t", [("k", #"{"id": 1}"#)]).expect(200)
    #expect(try await flooder.rows("SELECT 1") == "[[1]]")
  }

  @Test func requestsOfAnyKindCount() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    var refused = 0
    // Ten a second is far less than one client asks.
    while refused == 0 {
      let reply = try await client.get("/v1/tables")
      if reply.status == 429 {
        reply.expectError(429, "RATE_LIMITED")
        refused += 1
      } else {
        reply.expect(200)
      }
    }
    #expect(refused == 1)
    // Who may not be served is refused without counting, and what is open to all stays open.
    try await client.get("/v1/health").expect(200)
  }
}

@Suite(
  .sharedServer([
    "DUCKMESH_MAX_QUEUED_PUBLISH_REQUESTS": "8", "DUCKMESH_MAX_PENDING_EVENTS_PER_TENANT": "20000",
  ])) struct FloodTests
{
  @Test func aTenantsFloodIsRefusedWhereItExceedsAndNeverAnotherTenantsWrites() async throws {
    let flooder = try ServerProcess.shared.newTenant()
    let other = try ServerProcess.shared.newTenant()
    for client in [flooder, other] { try await client.createTable("t", "id BIGINT").expect(201) }
    let body = (0..<2_000).map { (payload: #"{"id": \#($0)}"#, index: $0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      let isDone = Guarded(false)
      let outcomes = Guarded<[Int: Int]>([:])
      for flood in 0..<24 {
        group.addTask {
          var round = 0
          while !isDone.withLock({ $0 }) {
            let records = body.map { (key: "\(flood)-\(round)-\($0.index)", payload: $0.payload) }
            let reply = try await flooder.ingest("t", records)
            if reply.status == 429 { reply.expectError(429, "QUEUE_FULL") }
            outcomes.withLock { $0[reply.status, default: 0] += 1 }
            round += 1
          }
        }
      }
      for id in 0..<40 {
        try await other.ingestVisibly("t", key: "k\(id)", #"{"id": \#(id)}"#).expect(200)
      }
      isDone.withLock { $0 = true }
      try await group.waitForAll()
      let seen = outcomes.withLock { $0 }
      // What the flood was answered is an acknowledgement or an honest refusal.
      #expect(Set(seen.keys).isSubset(of: [200, 429]))
      #expect(seen[200] ?? 0 > 0 && seen[429] ?? 0 > 0)
    }
    #expect(try await other.rows("SELECT count(*) FROM t") == "[[40]]")
  }
}

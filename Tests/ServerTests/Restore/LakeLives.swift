import SimdJSON
import Testing

/// A lake that is written to, loses what came after a backup, and is adopted: what every life of it
/// has told its clients.
final class LakeLives {
  /// Tokens by the key of the write.
  typealias Writes = [String: Int64]

  private(set) var kept: Writes = [:]
  private(set) var pending: Writes = [:]
  private(set) var lost: Writes = [:]
  private(set) var keptSnapshots: [Int64: String] = [:]
  private(set) var lostSnapshots: Set<Int64> = []

  static let slow = ["DUCKMESH_FLUSH_INTERVAL_MS": "5000", "DUCKMESH_MAX_AGE_MS": "5000"]

  /// Rows that are visible, and as the last thing events that are acknowledged and are not.
  func beforeTheBackup(_ server: ServerProcess) async throws {
    let client = server.client()
    try await client.createTable("t", "id BIGINT").expect(201)
    for id in 1...8 { kept["a\(id)"] = try await Self.write(client, "a\(id)", id) }
    keptSnapshots = try await Self.snapshots(client)
    await server.kill9()
    try await server.start(Self.slow)
    for id in 101...103 {
      let reply = try await server.client().ingest("t", [("p\(id)", #"{"id": \#(id)}"#)])
      pending["p\(id)"] = reply.expect(200).token
    }
    #expect(pending.count == 3)
    await server.kill9()
  }

  /// What the backup does not have: rows, merges, and a table that came and went.
  func afterTheBackup(_ server: ServerProcess) async throws {
    let client = server.client()
    for id in 201...220 { lost["b\(id)"] = try await Self.write(client, "b\(id)", id) }
    try await client.createTable("brief", "id BIGINT").expect(201)
    try await client.ingestVisibly("brief", key: "x", #"{"id": 1}"#).expect(200)
    try await client.post("/v1/compaction/run").expect(200)
    try await client.delete("/v1/tables/brief").expect(200)
    let seen = Set(try await Self.snapshots(client, rows: false).keys)
    lostSnapshots = seen.subtracting(keptSnapshots.keys)
    #expect(lostSnapshots.count > 20)
  }

  /// Everything that the kept life said is so, and nothing that the lost one said.
  func expectAdopted(_ server: ServerProcess) async throws {
    let client = server.client()
    for (key, token) in kept.merging(pending, uniquingKeysWith: { first, _ in first }) {
      let id = key.dropFirst()
      #expect(
        try await client.rows("SELECT count(*) FROM t WHERE id = \(id)", token: token) == "[[1]]",
        "\(key)")
    }
    for token in lost.values {
      try await client.query("FROM t", more: #", "min_visibility_token": \#(token)"#)
        .expectError(410, "TOKEN_VOID")
    }
    for snapshot in lostSnapshots {
      try await client.query("FROM t", more: #", "snapshot_id": \#(snapshot)"#)
        .expectError(404, "SNAPSHOT_NOT_FOUND")
    }
    for (snapshot, rows) in keptSnapshots {
      #expect(try await Self.rows(client, at: snapshot) == rows)
    }
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[11]]")
    try await expectSound(client)
  }

  /// What is written from here on has names of its own, lost writes included.
  func goOn(_ server: ServerProcess) async throws {
    let client = server.client()
    let told = Set(lost.values).union(kept.values).union(pending.values)
    let seen = lostSnapshots.union(keptSnapshots.keys)
    for key in lost.keys.sorted() {
      let reply = try await client.ingestVisibly("t", key: key, #"{"id": \#(key.dropFirst())}"#)
        .expect(200)
      #expect(reply["accepted_count"]?.integer == 1, "\(key) counts as new")
      #expect(!told.contains(try #require(reply.token)))
      #expect(!seen.contains(try #require(reply["visible_snapshot_id"]?.integer)))
    }
    for (key, token) in kept.merging(pending, uniquingKeysWith: { first, _ in first }) {
      let reply = try await client.ingestVisibly("t", key: key, #"{"id": \#(key.dropFirst())}"#)
      #expect(reply.expect(200).token == token && reply["duplicate_count"]?.integer == 1)
    }
    #expect(
      try await client.rows("SELECT count(*), count(DISTINCT id) FROM t") == "[[31,31]]")
    // The table of the lost life, made again, is another one, and its key is new.
    try await client.createTable("brief", "id BIGINT").expect(201)
    let again = try await client.ingestVisibly("brief", key: "x", #"{"id": 2}"#).expect(200)
    #expect(again["accepted_count"]?.integer == 1)
    #expect(try await client.rows("FROM brief") == "[[2]]")
    try await client.post("/v1/compaction/run").expect(200)
    try await client.post("/v1/retention/run").expect(200)
    try await expectSound(client)
    for snapshot in try await Self.snapshots(client, rows: false).keys {
      #expect(!lostSnapshots.contains(snapshot))
    }
  }

  private func expectSound(_ client: APIClient) async throws {
    let integrity = try await client.post("/v1/integrity/run").expect(200)
    #expect(integrity["status"]?.text == "completed", "\(integrity.text)")
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["pending_events"]?.integer == 0)
    let metrics = try await client.get("/v1/metrics").text
    #expect(metrics.contains(#"duckmesh_accounting_imbalance_events{tenant="default"} 0"#))
  }

  private static func write(_ client: APIClient, _ key: String, _ id: Int) async throws -> Int64 {
    let reply = try await client.ingestVisibly("t", key: key, #"{"id": \#(id)}"#).expect(200)
    return try #require(reply.token)
  }

  /// The tenant's snapshots, with what the table shows at each.
  private static func snapshots(
    _ client: APIClient, rows wantsRows: Bool = true
  ) async throws -> [Int64: String] {
    let list = try await client.get("/v1/snapshots?limit=100").expect(200)
    let ids = (list["snapshots"]?.elements ?? []).compactMap { $0["snapshot_id"]?.integer }
    var found: [Int64: String] = [:]
    for id in ids { found[id] = wantsRows ? try await rows(client, at: id) : "" }
    return found
  }

  private static func rows(_ client: APIClient, at snapshot: Int64) async throws -> String {
    let reply = try await client.query(
      "SELECT id FROM t ORDER BY id", more: #", "snapshot_id": \#(snapshot)"#)
    return reply["rows"]?.compactText ?? reply.errorCode ?? ""
  }
}

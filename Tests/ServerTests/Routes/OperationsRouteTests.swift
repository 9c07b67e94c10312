import Foundation
import SimdJSON
import Testing

@Suite(.sharedServer()) struct OperationsRouteTests {
  @Test func probesTellTheStateOfTheServer() async throws {
    let client = try ServerProcess.shared.client()
    let health = try await client.get("/v1/health").expect(200)
    #expect(health.json?.compactText == #"{"status":"ok"}"#)
    let version = try await client.get("/v1/version").expect(200)
    #expect(version.json?.memberNames == ["version", "engine", "catalog_format"])
    #expect(version["engine"]?.text?.hasPrefix("DuckDB v2.0.0") == true, "\(version.text)")
    let ready = try await client.get("/v1/ready").expect(200)
    #expect(ready["status"]?.text == "ready")
    #expect(
      ready["components"]?.memberNames == [
        "catalog", "schema_cache", "bus", "object_store", "coordinator",
      ])
    for component in ready["components"]?.members ?? [] {
      #expect(component.value["ready"]?.isTrue == true, "\(component.name)")
      #expect(component.value["state"]?.text?.isEmpty == false, "\(component.name)")
    }
    let layers = ready["sandbox"]?.memberNames ?? []
    #expect(layers.isSuperset(of: ["landlock", "seccomp"]), "\(ready.text)")
  }

  @Test func limitsAreShown() async throws {
    let limits = try await ServerProcess.shared.client().get("/v1/limits").expect(200)
    for (name, value) in [
      ("body_bytes", 32 << 20), ("records_per_request", 10_000), ("idempotency_key_bytes", 512),
      ("json_nesting", 64), ("listed_violations", 100), ("sql_bytes", 256 << 10),
      ("row_limit", 10_000), ("maximum_row_limit", 1_000_000),
      ("buffered_result_bytes", 64 << 20), ("timeout_ms", 30_000),
      ("maximum_timeout_ms", 300_000), ("consistency_timeout_ms", 60_000),
      ("visibility_timeout_ms", 60_000), ("waiting_queries_per_tenant", 256),
    ] as [(String, Int64)] {
      #expect(limits[name]?.integer == value, "\(name)")
    }
  }

  @Test func lagCountsWhatIsAcceptedAndVisible() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    let empty = try await client.get("/v1/lag").expect(200)
    #expect(
      empty.json?.members?.map(\.name) == [
        "tenant_id", "accepted_events", "claimed_events", "pending_events",
        "oldest_pending_lag_ms", "token_lag", "latest_visibility_token", "latest_snapshot_id",
        "latest_snapshot_time", "dead_letter_events",
      ])
    #expect(empty["accepted_events"]?.integer == 0)
    let visible = try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#)[
      "visible_snapshot_id"]
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["tenant_id"]?.text == client.tenant)
    #expect(lag["accepted_events"]?.integer == 1 && lag["pending_events"]?.integer == 0)
    #expect(lag["claimed_events"]?.integer == 0 && lag["oldest_pending_lag_ms"]?.integer == 0)
    #expect(lag["latest_visibility_token"]?.integer == 1)
    #expect(lag["latest_snapshot_id"] == visible)
  }

  @Test func snapshotsAreListedNewestFirstInPages() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    try await client.createTable("u", "id BIGINT").expect(201)
    for id in 1...3 {
      try await client.ingestVisibly("t", key: "k\(id)", #"{"id": \#(id)}"#).expect(200)
    }
    var snapshots: [JSONValue] = []
    var path = "/v1/snapshots?limit=2"
    while true {
      let page = try await client.get(path).expect(200)
      let part = page["snapshots"]?.elements ?? []
      #expect(part.count <= 2)
      snapshots += part
      guard let token = page["next_page_token"]?.text else { break }
      path = "/v1/snapshots?limit=2&page_token=\(token)"
    }
    #expect(try await client.get("/v1/snapshots")["snapshots"]?.elements == snapshots)
    let ids = snapshots.compactMap { $0["snapshot_id"]?.integer }
    #expect(ids == ids.sorted(by: >) && Set(ids).count == ids.count && ids.count >= 5)
    #expect(
      snapshots.first?.members?.map(\.name) == [
        "snapshot_id", "created_at", "created_by", "max_visibility_token", "parent_snapshot_id",
        "tables", "pinned",
      ])
    for (newer, older) in zip(snapshots, snapshots.dropFirst()) {
      #expect(newer["parent_snapshot_id"] == older["snapshot_id"])
    }
    for snapshot in snapshots {
      let id = try #require(snapshot["snapshot_id"]?.integer)
      #expect(try await client.get("/v1/snapshots/\(id)").expect(200).json == snapshot)
    }
    let tables = snapshots.first?["tables"]?.elements ?? []
    #expect(tables.compactMap { $0["table_name"]?.text }.sorted() == ["t", "u"])
    let table = tables.first { $0["table_name"]?.text == "t" }
    #expect(table?["rows"]?.integer == 3 && table?["max_visibility_token"]?.integer == 3)
    #expect((table?["files"]?.integer ?? 0) >= 1 && (table?["bytes"]?.integer ?? 0) > 0)
    #expect(snapshots.first?["max_visibility_token"]?.integer == 3)
  }

  @Test func snapshotsThatAreNotThereAreNotFound() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.get("/v1/snapshots/1").expectError(404, "SNAPSHOT_NOT_FOUND")
    try await client.createTable("t", "id BIGINT").expect(201)
    for id in ["999999999", "x", "-1", "9223372036854775808"] {
      try await client.get("/v1/snapshots/\(id)").expectError(404, "SNAPSHOT_NOT_FOUND")
    }
  }

  @Test func deadLettersComeInPages() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    let records = (1...5).map { (key: "k\($0)", payload: #"{"id": "x\#($0)"}"#) }
    let reply = try await client.ingest("t", records, more: #", "on_error": "dead_letter""#)
    try await client.query("SELECT 1", more: #", "min_visibility_token": \#(reply.token ?? 0)"#)
      .expectError(409, "DEAD_LETTERED")
    var tokens: [Int64] = []
    var path = "/v1/dead-letters?limit=2"
    while true {
      let page = try await client.get(path).expect(200)
      tokens += page["dead_letters"]?.elements?.compactMap { $0["token"]?.integer } ?? []
      guard let token = page["next_page_token"]?.text else { break }
      path = "/v1/dead-letters?limit=2&page_token=\(token)"
    }
    #expect(tokens.sorted() == [1, 2, 3, 4, 5])
  }

  @Test func aTenantThatIsNotThereHasNothing() async throws {
    let client = try ServerProcess.shared.newTenant()
    for path in ["/v1/tables", "/v1/snapshots", "/v1/lag", "/v1/dead-letters"] {
      try await client.get(path).expectError(404, "TENANT_NOT_FOUND")
    }
    try await client.query("SELECT 1").expectError(404, "TENANT_NOT_FOUND")
    try await client.get("/v1/tables/t").expectError(404, "TABLE_NOT_FOUND")
    // Asking made no tenant.
    let metrics = try await client.get("/v1/metrics").expect(200).text
    #expect(!metrics.contains(try #require(client.tenant)))
  }

  @Test func maintenanceRunsAndSumsUp() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    for id in 1...3 {
      try await client.ingestVisibly("t", key: "k\(id)", #"{"id": \#(id)}"#).expect(200)
    }
    for (path, names) in [
      (
        "/v1/compaction/run",
        [
          "tables_compacted", "merges", "rewrites", "files_merged", "bytes_rewritten",
          "deleted_rows_dropped", "merges_lost",
        ]
      ),
      ("/v1/retention/run", ["snapshots_expired", "files_deleted", "orphans_deleted"]),
      (
        "/v1/integrity/run",
        [
          "tenants_scanned", "snapshots_scanned", "referenced_files", "unique_files_checked",
          "missing_files", "size_mismatch_files", "row_mismatch_tables", "rule_violations",
          "operational_failures",
        ]
      ),
    ] {
      let reply = try await client.post(path).expect(200)
      #expect(reply["status"]?.text == "completed")
      #expect(reply["summary"]?.members?.map(\.name) == names)
    }
    let integrity = try await client.post("/v1/integrity/run")
    #expect((integrity["summary", "unique_files_checked"]?.integer ?? 0) >= 1)
    #expect(integrity["summary", "missing_files"]?.integer == 0)
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[3]]")
  }

  @Test func metricsKeepTheAccountingIdentity() async throws {
    let client = try ServerProcess.shared.newTenant()
    let tenant = try #require(client.tenant)
    try await client.createTable("t", "id BIGINT").expect(201)
    try await client.ingest(
      "t", [("a", #"{"id": 1}"#), ("b", #"{"id": "x"}"#), ("c", #"{"id": 2}"#)],
      more: #", "on_error": "dead_letter""#
    ).expect(200)
    try await client.query("FROM t", more: #", "min_visibility_token": 3"#).expect(200)
    let reply = try await client.get("/v1/metrics").expect(200)
    #expect(reply.header("Content-Type")?.hasPrefix("text/plain; version=0.0.4") == true)
    var states: [String: Int] = [:]
    var imbalance: Int?
    for line in reply.text.split(separator: "\n") where line.contains(#"tenant="\#(tenant)""#) {
      let value = line.split(separator: " ").last.flatMap { Int($0) }
      if line.hasPrefix("duckmesh_accounting_imbalance_events") { imbalance = value }
      guard line.hasPrefix("duckmesh_accounting_events"),
        let state = line.split(separator: "state=\"").last?.prefix(while: { $0 != "\"" })
      else { continue }
      states[String(state)] = value
    }
    #expect(
      states == [
        "acknowledged": 3, "applied": 2, "dead_lettered": 1, "discarded": 0, "no_op": 0,
        "pending": 0, "superseded": 0,
      ])
    #expect(imbalance == 0)
  }

  @Test func exposedMetricsAreTheDocumentedOnes() async throws {
    let server = try ServerProcess.shared
    let client = server.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    try await client.ingestVisibly("t", key: "k", "{}").expect(200)
    let text = try await server.client().get("/v1/metrics").expect(200).text
    let exposed = Set(
      text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        .map { String($0.split(separator: " ")[2]) })
    let document = try String(contentsOfFile: Repository.path("docs/metrics.md"), encoding: .utf8)
    let documented = Set(
      document.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { line in
        line.split(separator: "|")[0].matches(of: /`([a-z_]+)`/).map { String($0.output.1) }
      })
    #expect(documented.count > 50)
    #expect(exposed.subtracting(documented) == [])
    for name in [
      "ingest_requests_total", "ingest_ack_latency_ms", "visibility_lag_ms",
      "latest_visibility_token", "claim_batch_size", "commit_batch_latency_ms",
      "query_latency_ms", "query_scanned_files", "duckmesh_accounting_events",
      "duckmesh_sandbox_layer", "duckmesh_component_ready", "process_resident_memory_bytes",
    ] {
      #expect(exposed.contains(name), "\(name)")
    }
  }
}

import Foundation
import SimdJSON
import Testing

@Suite(.sharedServer()) struct TimeTravelTests {
  private static let keyed = #", "primary_key_cols": ["id"]"#

  @Test func aPinIsShownBoundToItsTenantAndTakenAway() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    let id = try #require(
      try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)[
        "visible_snapshot_id"]?.integer)
    let pin = try await client.post(
      "/v1/snapshots/pin", #"{"snapshot_id": \#(id), "name": "kept"}"#
    ).expect(200)
    #expect(pin["name"]?.text == "kept" && pin["expires_at"] == .null)
    let shown = try await client.get("/v1/snapshots/\(id)").expect(200)
    #expect(shown["pinned"]?.isTrue == true && shown["pin"]?["name"]?.text == "kept")
    let other = try ServerProcess.shared.newTenant()
    try await other.createTable("t", "id BIGINT").expect(201)
    try await other.delete("/v1/snapshots/pin/\(id)").expectError(404, "PIN_NOT_FOUND")
    try await client.delete("/v1/snapshots/pin/\(id)").expect(200)
    try await client.delete("/v1/snapshots/pin/\(id)").expectError(404, "PIN_NOT_FOUND")
    #expect(try await client.get("/v1/snapshots/\(id)")["pinned"]?.isTrue == false)
    for body in [
      #"{}"#, #"{"snapshot_id": -1}"#, #"{"snapshot_id": \#(id), "expires_at": "soon"}"#,
      #"{"snapshot_id": \#(id), "expires_at": "2001-01-01T00:00:00Z"}"#,
    ] {
      try await client.post("/v1/snapshots/pin", body).expectError(400, "INVALID_FIELD")
    }
    try await client.post("/v1/snapshots/pin", #"{"snapshot_id": 99999999}"#)
      .expectError(404, "SNAPSHOT_NOT_FOUND")
  }

  /// Writers go on while the table is restored again and again: what was acknowledged before a
  /// restore and was in no restored snapshot is gone, what came after is there, and all of it is
  /// accounted for.
  @Test func restoresBesideIngestAddUp() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "v VARCHAR", more: Self.keyed).expect(201)
    let base = try #require(
      try await client.ingestVisibly("t", key: "base", #"{"id": 0, "v": "base"}"#).expect(200)[
        "visible_snapshot_id"]?.integer)
    try await client.post("/v1/snapshots/pin", #"{"snapshot_id": \#(base)}"#).expect(200)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<3 {
        group.addTask {
          for round in 0..<20 {
            try await client.ingestVisibly(
              "t", key: "w\(writer)-\(round)", #"{"id": \#(round % 7), "v": "\#(writer)"}"#
            ).expect(200)
          }
        }
      }
      group.addTask {
        for _ in 0..<4 {
          let reply = try await client.post(
            "/v1/snapshots/restore", #"{"snapshot_id": \#(base), "tables": ["T"]}"#
          ).expect(200)
          let id = try #require(reply["snapshot_id"]?.integer)
          let read = try await client.query(
            "SELECT id, v FROM t", more: #", "snapshot_id": \#(id)"#
          ).expect(200)
          #expect(read["rows"]?.compactText == #"[[0,"base"]]"#)
        }
      }
      try await group.waitForAll()
    }
    let last = try await client.ingestVisibly("t", key: "last", #"{"id": 99, "v": "l"}"#)
      .expect(200)
    let newest = try #require(last["visible_snapshot_id"]?.integer)
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["accepted_events"]?.integer == 62 && lag["pending_events"]?.integer == 0)
    #expect(lag["latest_visibility_token"]?.integer == 62)
    try await client.post("/v1/integrity/run").expect(200)
    // The feed leads from the base to the newest snapshot.
    var rows: [Int64: String] = [0: "base"]
    let feed = try await client.with("Accept", "application/x-ndjson").get(
      "/v1/tables/t/changes?from_snapshot=\(base)&to_snapshot=\(newest)"
    ).expect(200)
    for line in feed.text.split(separator: "\n").dropFirst() {
      let change = try JSONValue(parsing: Array(line.utf8))
      let id = try #require(change["id"]?.integer)
      switch change["_change_type"]?.text {
      case "delete": rows[id] = nil
      case "update_preimage": continue
      default: rows[id] = change["v"]?.text
      }
    }
    let present = try await client.query("SELECT id, v FROM t ORDER BY id").expect(200)
    let found = (present["rows"]?.elements ?? []).compactMap { row in
      row.elements?[0].integer.map { ($0, row.elements?[1].text ?? "") }
    }
    #expect(Dictionary(uniqueKeysWithValues: found) == rows)
  }

  @Test func aDroppedTableIsReadAtOldSnapshotsAndComesBack() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    let id = try #require(
      try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)[
        "visible_snapshot_id"]?.integer)
    try await client.delete("/v1/tables/t").expect(200)
    let old = try await client.query("SELECT id FROM t", more: #", "snapshot_id": \#(id)"#)
    #expect(old["rows"]?.compactText == "[[1]]")
    let reply = try await client.post("/v1/snapshots/restore", #"{"snapshot_id": \#(id)}"#)
      .expect(200)
    #expect(reply["restored_rows"]?.integer == 1 && reply["restored_from"]?.integer == id)
    #expect(try await client.rows("SELECT id FROM t") == "[[1]]")
    let again = try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
    #expect(again["duplicate_count"]?.integer == 1)
    try await client.delete("/v1/tables/t").expect(200)
    try await client.createTable("t", "other BIGINT").expect(201)
    try await client.post("/v1/snapshots/restore", #"{"snapshot_id": \#(id)}"#)
      .expectError(409, "TABLE_EXISTS")
    try await client.post("/v1/snapshots/restore", #"{"snapshot_id": 99999999}"#)
      .expectError(404, "SNAPSHOT_NOT_FOUND")
  }

  @Test func changesAreRefusedWithAReason() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    let id = try #require(
      try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)[
        "visible_snapshot_id"]?.integer)
    for (query, status, code) in [
      ("", 400, "INVALID_FIELD"), ("?from_snapshot=\(id)", 400, "INVALID_FIELD"),
      ("?from_snapshot=\(id)&to_snapshot=1", 400, "INVALID_FIELD"),
      ("?from_snapshot=99999998&to_snapshot=99999999", 404, "SNAPSHOT_NOT_FOUND"),
    ] {
      try await client.get("/v1/tables/t/changes\(query)").expectError(status, code)
    }
    try await client.get("/v1/tables/u/changes?from_snapshot=\(id)&to_snapshot=\(id)")
      .expectError(404, "TABLE_NOT_FOUND")
    let csv = try await client.with("Accept", "text/csv").get(
      "/v1/tables/t/changes?from_snapshot=\(id)&to_snapshot=\(id)"
    ).expect(200)
    #expect(csv.text == "_snapshot_id,_row_id,_change_type,id\r\n\(id),0,insert,1\r\n")
  }

  /// The examples of the guide, as they stand there.
  @Test func theGuideRuns() async throws {
    let guide = try String(
      contentsOfFile: Repository.path("docs/time-travel.md"), encoding: .utf8)
    let blocks = guide.components(separatedBy: "```sh\n").dropFirst().compactMap {
      $0.components(separatedBy: "\n```").first
    }.filter { !$0.hasPrefix("duckmeshctl") }
    #expect(blocks.count >= 4)
    try await ServerProcess.with { server in
      let script =
        """
        set -e
        curl() { command curl -fsS "$@"; }
        api=\(server.address)/v1
        json='Content-Type: application/json'

        """ + blocks.joined(separator: "\n")
      let output = server.folder.path + "/guide.out"
      let child = try await ChildProcess(
        "/bin/bash", ["-c", script], environment: ["PATH": "/usr/bin:/bin"], output: output)
      #expect(await child.end() == .exited(0), "\(server.folder.read("guide.out"))")
      let told = server.folder.read("guide.out")
      #expect(told.components(separatedBy: #""rows":[[1,"10.00"],[2,"20.00"]]"#).count == 3)
      #expect(told.contains(#""_change_type":"update_preimage""#))
    }
  }
}

import Runtime
import SQLite
import SimdJSON
import TestSupport
import Testing

/// What is read with us stopped is what we answered.
@Suite struct OfficialReaderTests {
  private static let columns = [
    "id BIGINT", "flag BOOLEAN", "small SMALLINT", "big UBIGINT", "ratio DOUBLE",
    "price DECIMAL(18,4)", "note VARCHAR", "raw BLOB", "day DATE", "moment TIMESTAMP",
    "instant TIMESTAMPTZ", "mark UUID", "extra JSON",
  ]

  private static func record(_ id: Int) -> String {
    if id % 7 == 3 { return #"{"id": \#(id)}"# }
    return """
      {"id": \(id), "flag": \(id % 2 == 0), "small": \(id % 100 - 50), \
      "big": "1844674407370955\(1_000 + id % 600)", "ratio": \(Double(id) / 8), \
      "price": "\(id).2500", "note": "it's \\"note\\" \(id) \\ud83e\\udd86", "raw": "AAH/", \
      "day": "2024-02-\(10 + id % 19)", "moment": "2024-02-29T12:00:00.\(100_000 + id)", \
      "instant": "2024-02-29T12:00:00.5+02:00", \
      "mark": "00000000-0000-4000-8000-0000000\(10_000 + id)", "extra": {"a": [\(id), null]}}
      """
  }

  /// Every column as text, and its type.
  private static func sql(_ table: String) -> String {
    let names = columns.map { String($0.split(separator: " ")[0]) }
    let values = names.map { "CAST(\($0) AS VARCHAR)" } + names.map { "typeof(\($0))" }
    return "SELECT \(values.joined(separator: ", ")) FROM \(table) ORDER BY id"
  }

  @Test func theOfficialExtensionReadsWhatWeAnswered() async throws {
    let settings = [
      "DUCKMESH_COMPACTION_FAN_IN": "3", "DUCKMESH_COMPACTION_INTERVAL_MS": "3600000",
      "DUCKMESH_RETENTION_INTERVAL_SECONDS": "86400",
    ]
    try await ServerProcess.with(settings) { server in
      let client = server.client(tenant: "acme")
      let list = Self.columns.map { column in
        let parts = column.split(separator: " ", maxSplits: 1)
        return #"{"name": "\#(parts[0])", "type": "\#(parts[1])"}"#
      }
      try await client.post(
        "/v1/tables",
        #"{"table_name": "typed", "schema_json": {"columns": [\#(list.joined(separator: ","))]}}"#
      ).expect(201)
      let ours = Guarded<[Int64: [[String?]]]>([:])
      for round in 0..<10 {
        let ids = (round * 5)..<(round * 5 + 1 + round % 5)
        try await client.ingest(
          "typed", ids.map { (key: "k\($0)", payload: Self.record($0)) },
          more: #", "wait_for_visibility": true"#
        ).expect(200)
        try await Self.remember(client, in: ours)
        if round == 4 || round == 8 { try await client.post("/v1/compaction/run").expect(200) }
      }
      #expect(server.log.contains("files merged"))
      try await Self.compare(server, ours, atLeast: 8)

      // Half of the snapshots expire; what stays is the same to both.
      let path = server.dataFolder + "/catalog.sqlite"
      try await offPool {
        let database = try SQLiteConnection(path: path, mode: .readWriteCreate)
        try database.execute(
          """
          UPDATE ducklake_snapshot SET snapshot_time = '2020-' || substr(snapshot_time, 6)
            WHERE snapshot_id <= (SELECT max(snapshot_id) / 2 FROM ducklake_snapshot)
          """)
      }
      try await server.start()
      try await client.post("/v1/retention/run").expect(200)
      let kept = ours.withLock { Array($0.keys) }
      for snapshot in kept {
        let reply = try await client.query(
          Self.sql("typed"), more: #", "snapshot_id": \#(snapshot)"#)
        if reply.status == 404 { ours.withLock { $0[snapshot] = nil } } else { reply.expect(200) }
      }
      #expect(ours.withLock { $0.count } < kept.count, "nothing expired")
      try await Self.compare(server, ours, atLeast: 4)
    }
  }

  /// Remembers the answer at the latest snapshot.
  private static func remember(
    _ client: APIClient, in answers: Guarded<[Int64: [[String?]]]>
  ) async throws {
    let reply = try await client.query(sql("typed")).expect(200)
    let snapshot = try #require(reply["snapshot_id"]?.integer)
    let rows = reply["rows"]?.elements?.map { row in row.elements?.map(\.text) ?? [] } ?? []
    answers.withLock { $0[snapshot] = rows }
  }

  /// Stops the server and asks the extension at every snapshot, and at none.
  private static func compare(
    _ server: ServerProcess, _ answers: Guarded<[Int64: [[String?]]]>, atLeast count: Int
  ) async throws {
    #expect(await server.stop() == .exited(0))
    let ours = answers.withLock { $0 }.sorted { $0.key < $1.key }
    try #require(ours.count >= count)
    let reader = OfficialReader(catalog: server.dataFolder + "/catalog.sqlite", schema: "acme")
    let sql = sql("{table:typed}")
    let theirs = try await reader.ask(
      ours.map { .init(sql: sql, snapshot: $0.key) } + [.init(sql: sql, snapshot: nil)])
    for (answer, expected) in zip(theirs, ours) {
      #expect(!expected.value.isEmpty)
      #expect(answer == expected.value, "at snapshot \(expected.key)")
    }
    #expect(theirs.last == ours.last?.value)
  }
}

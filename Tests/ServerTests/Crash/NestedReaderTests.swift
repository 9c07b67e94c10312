import SimdJSON
import TestSupport
import Testing

/// Nested columns from the request to the answer, and as the official extension reads them.
@Suite struct NestedReaderTests {
  private static let columns = [
    "id BIGINT", "tags VARCHAR[]",
    "items STRUCT(sku VARCHAR, price DECIMAL(9,2), raw BLOB, extra JSON, path DATE[])[]",
    "labels MAP(VARCHAR, STRUCT(n UTINYINT))", "days MAP(DATE, DOUBLE[])",
    "s TIMESTAMP_S", "ms TIMESTAMP_MS", "ns TIMESTAMP_NS",
  ]

  private static func record(_ id: Int) -> String {
    switch id % 3 {
    case 0: #"{"id": \#(id)}"#
    case 1: #"{"id": \#(id), "tags": [], "items": [null, {}], "labels": {}, "days": []}"#
    default:
      """
      {"id": \(id), "tags": ["it's", null, "\\ud83e\\udd86"], "items": [{"sku": "a\(id)", \
      "price": 1.50, "raw": "AAH/", "extra": {"k": [1, null]}, "path": ["2024-02-29", null]}], \
      "labels": {"x": {"n": \(id % 200)}, "": null}, "days": [{"key": "2024-02-29", \
      "value": [0.5, 1e3]}, {"key": "2024-03-01"}], "s": "2024-02-29T12:00:00", \
      "ms": "2024-02-29T12:00:00.125", "ns": "2024-02-29T12:00:00.\(100_000_001 + id)"}
      """
    }
  }

  /// Engines differ in how they write bytes inside other values.
  private static let items = """
    list_transform(items, lambda i: {'sku': i.sku, 'price': i.price, 'raw': to_base64(i.raw), \
    'extra': i.extra, 'path': i.path})
    """

  /// Every column as text, and its type; then what a path into each gives.
  private static func sql(_ table: String) -> String {
    let names = columns.map { String($0.split(separator: " ")[0]) }
    let values =
      names.map { "CAST(\($0 == "items" ? items : $0) AS VARCHAR)" } + names.map { "typeof(\($0))" }
      + ["CAST(items[1].price AS VARCHAR)", "CAST(labels['x'].n AS VARCHAR)"]
    return "SELECT \(values.joined(separator: ", ")) FROM \(table) ORDER BY id"
  }

  @Test func theOfficialExtensionReadsNestedColumnsAsWeAnsweredThem() async throws {
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
        #"{"table_name": "nested", "schema_json": {"columns": [\#(list.joined(separator: ","))]}}"#
      ).expect(201)
      var ours: [(snapshot: Int64, rows: [[String?]])] = []
      for round in 0..<6 {
        try await client.ingest(
          "nested", (round * 4..<round * 4 + 4).map { (key: "k\($0)", payload: Self.record($0)) },
          more: #", "wait_for_visibility": true"#
        ).expect(200)
        if round == 4 { try await client.post("/v1/compaction/run").expect(200) }
        let reply = try await client.query(Self.sql("nested")).expect(200)
        let snapshot = try #require(reply["snapshot_id"]?.integer)
        ours.append(
          (snapshot, reply["rows"]?.elements?.map { $0.elements?.map(\.text) ?? [] } ?? []))
        #expect(ours[round].rows.count == 4 * (round + 1))
      }
      #expect(server.log.contains("files merged"))
      let shown = try await client.query("SELECT * EXCLUDE (id) FROM nested WHERE id = 2")
      #expect(
        shown.expect(200)["rows"]?.compactText == """
          [[["it's",null,"🦆"],[{"sku":"a2","price":"1.50","raw":"AAH/","extra":{"k":[1,null]},\
          "path":["2024-02-29",null]}],{"x":{"n":2},"":null},\
          [{"key":"2024-02-29","value":[0.5,1000.0]},{"key":"2024-03-01","value":null}],\
          "2024-02-29T12:00:00","2024-02-29T12:00:00.125","2024-02-29T12:00:00.100000003"]]
          """)
      let refused = try await client.ingest(
        "nested", [(key: "bad", payload: #"{"items": [{}, {"price": "x"}]}"#)], more: "")
      #expect(refused.status == 400, "\(refused.json?.compactText ?? "")")
      #expect(refused.json?.compactText.contains("items[1].price") == true)

      #expect(await server.stop() == .exited(0))
      let reader = OfficialReader(catalog: server.dataFolder + "/catalog.sqlite", schema: "acme")
      let sql = Self.sql("{table:nested}")
      let theirs = try await reader.ask(ours.map { .init(sql: sql, snapshot: $0.snapshot) })
      for (answer, expected) in zip(theirs, ours) {
        #expect(answer == expected.rows, "at snapshot \(expected.snapshot)")
      }
    }
  }
}

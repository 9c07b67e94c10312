import SimdJSON
import Testing

/// Partitions and order as a client meets them.
@Suite(.sharedServer()) struct LayoutRouteTests {
  private static let columns = ["id BIGINT", "country VARCHAR", "seen TIMESTAMPTZ", "score DOUBLE"]

  private static func create(
    _ client: APIClient, _ members: String
  ) async throws -> Reply {
    let columns = columns.map { column in
      let parts = column.split(separator: " ")
      return #"{"name": "\#(parts[0])", "type": "\#(parts[1])"}"#
    }.joined(separator: ", ")
    return try await client.post(
      "/v1/tables",
      #"{"table_name": "visits", "schema_json": {"columns": [\#(columns)]}, \#(members)}"#)
  }

  @Test func aTableSaysHowItsRowsLie() async throws {
    let client = try ServerProcess.shared.newTenant()
    let spec =
      #"[{"column":"country","transform":"identity"},"#
      + #"{"column":"seen","transform":"month"},{"column":"id","transform":"bucket","buckets":4}]"#
    let made = try await Self.create(
      client,
      #""partition_spec": \#(spec), "sort_order": [{"column": "seen", "direction": "desc"}]"#
    ).expect(201)
    #expect(made["partition_spec"]?.compactText == spec)
    #expect(
      made["sort_order"]?.compactText
        == #"[{"column":"seen","direction":"desc","nulls":"last"}]"#)
    #expect(try await client.get("/v1/tables/visits").expect(200).json == made.json)
  }

  @Test(arguments: [
    #""partition_spec": "country""#, #""partition_spec": ["country"]"#,
    #""partition_spec": [{"column": "nobody"}]"#,
    #""partition_spec": [{"column": "country", "transform": "year"}]"#,
    #""partition_spec": [{"column": "country", "transform": "first"}]"#,
    #""partition_spec": [{"column": "country", "size": 3}]"#,
    #""partition_spec": [{"column": "country"}, {"column": "country"}]"#,
    #""partition_spec": [{"column": "score"}]"#,
    #""partition_spec": [{"column": "id", "transform": "bucket"}]"#,
    #""partition_spec": [{"column": "id", "transform": "bucket", "buckets": 1}]"#,
    #""partition_spec": [{"column": "id", "transform": "identity", "buckets": 4}]"#,
    #""sort_order": [{"column": "nobody"}]"#,
    #""sort_order": [{"column": "id"}, {"column": "id"}]"#,
    #""sort_order": [{"column": "id", "direction": "up"}]"#,
    #""sort_order": [{"column": "id", "nulls": "middle"}]"#,
  ])
  func badLayoutsAreRefused(_ members: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    try await Self.create(client, members).expectError(400, "INVALID_FIELD")
  }

  @Test func queriesReadTheFilesThatTheirConditionsLeave() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await Self.create(
      client,
      #""partition_spec": [{"column": "country"}, "#
        + #"{"column": "id", "transform": "bucket", "buckets": 4}]"#
    ).expect(201)
    let records = (0..<80).map { id in
      let country = ["de", "fr", "pt"][id % 3]
      return APIClient.record(
        "k\(id)", "insert",
        #"{"id": \#(id), "country": "\#(country)", "seen": "2024-05-01T10:00:00Z"}"#)
    }
    try await client.post(
      "/v1/ingest/visits",
      #"{"records": [\#(records.joined(separator: ","))], "wait_for_visibility": true}"#
    ).expect(200)
    func scan(_ members: String) async throws -> (files: Int64?, answer: String?) {
      let reply = try await client.post("/v1/query", "{\(members)}").expect(200)
      return (reply["stats", "scanned_files"]?.integer, reply["rows"]?.compactText)
    }
    let all = try await scan(#""sql": "SELECT count(*) FROM visits""#)
    #expect(all == (12, "[[80]]"))
    let country = try await scan(#""sql": "SELECT count(*) FROM visits WHERE country = 'fr'""#)
    #expect(country == (4, "[[27]]"))
    let one = try await scan(
      #""sql": "SELECT id FROM visits v WHERE v.country = ? AND v.id = ?", "params": ["de", 42]"#)
    #expect(one == (1, "[[42]]"))
    let none = try await scan(#""sql": "SELECT id FROM visits WHERE country > 'z'""#)
    #expect(none == (0, "[]"))
  }

  @Test func columnsOfALayoutStayAndMayBeRenamed() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await Self.create(
      client,
      #""partition_spec": [{"column": "country"}], "sort_order": [{"column": "id"}]"#
    ).expect(201)
    let rest = #"{"name": "seen", "type": "TIMESTAMPTZ"}, {"name": "score", "type": "DOUBLE"}"#
    func alter(_ columns: String) async throws -> Reply {
      let schema = #"{"columns": [\#(columns), \#(rest)]}"#
      let body = #"{"compatibility_mode": "none", "schema_json": \#(schema)}"#
      return try await client.send(
        "PATCH", "/v1/tables/visits", Array(body.utf8), contentType: "application/json")
    }
    try await alter(#"{"name": "id", "type": "BIGINT"}"#)
      .expectError(409, "SCHEMA_INCOMPATIBLE")
    try await alter(#"{"name": "country", "type": "VARCHAR"}"#)
      .expectError(409, "SCHEMA_INCOMPATIBLE")
    let renamed = try await alter(
      #"{"name": "number", "type": "BIGINT", "renamed_from": "id"}, "#
        + #"{"name": "land", "type": "VARCHAR", "renamed_from": "country"}"#
    ).expect(200)
    #expect(
      renamed["partition_spec"]?.compactText
        == #"[{"column":"land","transform":"identity"}]"#)
    #expect(renamed["sort_order", 0, "column"]?.text == "number")
  }
}

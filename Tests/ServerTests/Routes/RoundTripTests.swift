import Testing

/// What comes in as Parquet or Arrow goes out of a query as the same values, of every type.
@Suite(.sharedServer()) struct RoundTripTests {
  private static let forms = ["parquet": APIClient.parquet, "arrow": APIClient.arrow]

  @Test(arguments: ["parquet", "arrow"], ["parquet", "arrow"])
  func everyTypeComesOutAsItCameIn(sent: String, received: String) async throws {
    try await Self.sendAndCompare(sent, received, more: "")
  }

  /// Its rows travel as records between the two.
  @Test(arguments: ["parquet", "arrow"], ["parquet", "arrow"])
  func soTheyDoOfATableWithAKey(sent: String, received: String) async throws {
    try await Self.sendAndCompare(sent, received, more: #", "primary_key_cols": ["k"]"#)
  }

  private static func sendAndCompare(
    _ sent: String, _ received: String, more: String
  ) async throws {
    let table = try await RoundTrip()
    let client = try ServerProcess.shared.newTenant()
    try await client.post(
      "/v1/tables",
      #"{"table_name": "t", "schema_json": {"columns": \#(table.columns)}\#(more)}"#
    ).expect(201)
    try await client.batch(
      "t", try table.body(sent), key: "rows", type: try #require(Self.forms[sent]),
      parameters: "?wait_for_visibility=true"
    ).expect(200)

    let reader = client.with("Accept", try #require(Self.forms[received]))
    let answer = try await reader.query("FROM t ORDER BY k").expect(200)
    #expect(try await table.differences(answer.response.body, in: received, from: sent) == "")

    // One value that is another is found.
    let changed = try await reader.query(
      "SELECT * REPLACE (CASE WHEN k = 2000 THEN c3 + 1 ELSE c3 END AS c3) FROM t ORDER BY k"
    ).expect(200)
    #expect(
      try await table.differences(changed.response.body, in: received, from: sent)
        .hasPrefix("c3 int32 in row 2000"))
  }
}

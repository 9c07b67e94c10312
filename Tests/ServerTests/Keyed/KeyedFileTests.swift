import Foundation
import TestSupport
import Testing

/// Parquet files and Arrow streams as batches of a table with a key.
@Suite(
  .sharedServer([
    "DUCKMESH_MAX_BATCH_RECORD_BYTES": "1048576", "DUCKMESH_BATCH_MEMORY_BYTES": "268435456",
  ])) struct KeyedFileTests
{
  private static let waiting = "&wait_for_visibility=true"
  private static let types = ["parquet": APIClient.parquet, "arrow": APIClient.arrow]

  /// A client with the table, and the files that it sends.
  private struct Sender {
    let client: APIClient
    let bodies: BatchBodies

    func send(
      _ name: String, _ form: String, operation: String = "upsert", key: String? = nil
    ) async throws -> Reply {
      try await client.batch(
        "t", try bodies.bytes("\(name).\(form)"), key: key ?? name,
        type: try #require(types[form]), parameters: "?op=\(operation)\(waiting)")
    }
  }

  private static func sender() async throws -> Sender {
    let client = try ServerProcess.shared.newTenant()
    try await client.post(
      "/v1/tables",
      """
      {"table_name": "t", "primary_key_cols": ["k"], "schema_json": {"columns": [
        {"name": "k", "type": "BIGINT", "nullable": false},
        {"name": "note", "type": "VARCHAR", "default": "none"},
        {"name": "tags", "type": "VARCHAR[]"}, {"name": "body", "type": "JSON"}]}}
      """
    ).expect(201)
    return Sender(client: client, bodies: try await BatchBodies())
  }

  @Test(arguments: ["parquet", "arrow"])
  func filesAddReplaceAndDeleteRowsByTheirKey(form: String) async throws {
    let sender = try await Self.sender()
    let client = sender.client
    let first = try await sender.send("keyed_first", form, operation: "insert")
    #expect(first.expect(200)["accepted_count"]?.integer == 1_002)
    #expect(first["status"]?.text == "visible")
    // A later row of the file wins, and values stand in the table's types.
    #expect(
      try await client.rows("SELECT count(*), count(DISTINCT k), max(k) FROM t")
        == "[[1000,1000,999]]")
    #expect(
      try await client.rows("SELECT note, tags, body FROM t WHERE k IN (6, 7) ORDER BY k")
        == #"[["first",["a",null],{"n":[1,null]}],["last",["a",null],{"n":[1,null]}]]"#)

    // A whole row takes the place of a row: what the file lacks has its default.
    #expect(try await sender.send("keyed_second", form).expect(200).token == 1_005)
    #expect(
      try await client.rows("FROM t WHERE k IN (1, 2, 5000) ORDER BY k")
        == #"[[1,"none",null,null],[2,"none",[],null],[5000,"none",["z"],null]]"#)

    // A deletion needs no more than the keys.
    try await sender.send("keyed_gone", form, operation: "delete").expect(200)
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[11]]")
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func theSameFileIsADuplicateAndAnotherOperationIsNot() async throws {
    let sender = try await Self.sender()
    let client = sender.client
    let first = try await sender.send("keyed_second", "parquet").expect(200)
    let again = try await sender.send("keyed_second", "parquet").expect(200)
    #expect(again["duplicate_count"]?.integer == 3 && again.token == first.token)
    try await sender.send("keyed_second", "parquet", operation: "delete")
      .expectError(409, "IDEMPOTENCY_KEY_REUSED")
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[3]]")
  }

  @Test(arguments: ["parquet", "arrow"])
  func rowsThatDoNotFitAreNamedByTheirPlace(form: String) async throws {
    let sender = try await Self.sender()
    let client = sender.client
    let refused = try await sender.send("keyed_null", form)
    refused.expectError(400, "SCHEMA_VIOLATION")
    #expect(refused["context", "violation_count"]?.integer == 2)
    let places = refused["context", "violations"]?.elements?.map { $0["record_index"]?.integer }
    #expect(places == [1, 3], "\(refused.text)")
    let missing = try await sender.send("keyed_missing", form)
    missing.expectError(400, "SCHEMA_VIOLATION")
    #expect(missing["context", "violations", 0, "column"]?.text == "k", "\(missing.text)")
    // What JSON requests could not bring in, a file cannot either.
    try await sender.send("keyed_loose", form).expectError(400, "INVALID_BODY")
    try await sender.send("keyed_names", form).expectError(400, "SCHEMA_VIOLATION")
    try await sender.send("keyed_none", form).expectError(400, "RECORDS_REQUIRED")
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
  }

  @Test(arguments: ["parquet", "arrow"])
  func aSmallFileOfLargeRowsIsRefusedBeforeTheyAreMade(form: String) async throws {
    let sender = try await Self.sender()
    let client = sender.client
    for name in ["keyed_long", "keyed_wide", "keyed_escaped", "keyed_escaped_more"] {
      let refused = try await sender.send(name, form)
      refused.expectError(400, "LIMIT_EXCEEDED")
      #expect(refused["context", "limit"]?.text == "batch_record_bytes", "\(refused.text)")
      #expect(refused["context", "maximum"]?.integer == 1 << 20)
    }
    let many = try await sender.send("keyed_many", form)
    if form == "parquet" {
      many.expectError(413, "PAYLOAD_TOO_LARGE")
      #expect(many["context", "maximum_bytes"]?.integer == 32 << 20)
    } else {
      // A stream is read whole before its rows are.
      many.expectError(400, "LIMIT_EXCEEDED")
      #expect(many["context", "limit"]?.text == "batch_memory_bytes", "\(many.text)")
    }
    // A row just below the bound is none too long.
    try await sender.send("keyed_fits", form).expect(200)
    #expect(
      try await client.rows("SELECT sum(len(note)), sum(len(tags)) FROM t")
        == "[[\"1448000\",\"150000\"]]")
    // No child is left, and the key is free.
    try await sender.send("keyed_second", form, key: "keyed_many").expect(200)
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 5)
  }
}

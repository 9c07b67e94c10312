import API
import Configuration
import Foundation
import SimdJSON
import Testing

/// `api/openapi.yaml` and the server say the same, in both directions.
@Suite(.sharedServer(["DUCKMESH_SEGMENT_RETENTION_SECONDS": "3600"])) struct ContractTests {
  private static func contract() throws -> YAMLValue {
    try YAMLDocument.read(
      String(contentsOfFile: Repository.path("api/openapi.yaml"), encoding: .utf8))
  }

  fileprivate static func operation(_ route: Route, _ contract: YAMLValue) throws -> YAMLValue {
    try #require(contract["paths"]?[route.template]?[route.method.lowercased()], "\(route)")
  }

  @Test func theContractHasEveryRouteAndNoOther() throws {
    let paths = try #require(try Self.contract()["paths"]).members
    let written = Set(
      paths.flatMap { path, operations in operations.members.keys.map { "\($0) \(path)" } })
    let served = Set(Route.allCases.map { "\($0.method.lowercased()) \($0.template)" })
    #expect(written.subtracting(served) == [])
    #expect(served.subtracting(written) == [])
  }

  @Test func everyErrorCodeOfTheSourceIsInTheContractAndTheOtherWayRound() throws {
    let contract = try Self.contract()
    var written = Set((contract["x-general-error-codes"]?.members ?? [:]).values.flatMap(\.texts))
    for operation in (contract["paths"]?.members ?? [:]).values.flatMap({ $0.members.values }) {
      written.formUnion((operation["x-error-codes"]?.members ?? [:]).values.flatMap(\.texts))
    }
    var emitted: Set<String> = []
    let api = Repository.path("Sources/Service/API")
    for file in FileManager.default.enumerator(atPath: api)?.compactMap({ $0 as? String }) ?? [] {
      guard file.hasSuffix(".swift") else { continue }
      let source = try String(contentsOfFile: "\(api)/\(file)", encoding: .utf8)
      for match in source.matches(of: /\b[45]\d\d,\s*"([A-Z_]+)"/) {
        emitted.insert(String(match.output.1))
      }
    }
    let edge = try String(
      contentsOfFile: Repository.path("Sources/Ingest/Edge/EdgeError.swift"), encoding: .utf8)
    for match in edge.matches(of: /case \.\w+: "([A-Z_]+)"/) {
      emitted.insert(String(match.output.1))
    }
    #expect(emitted.count > 40)
    #expect(emitted.subtracting(written) == [])
    #expect(written.subtracting(emitted) == [])
  }

  @Test func theRolesAreTheOnesThatAreAskedFor() throws {
    let contract = try Self.contract()
    for route in Route.allCases {
      let operation = try Self.operation(route, contract)
      let roles = RoleTests.roles(of: route)
      #expect(
        Set(operation["x-roles"]?.texts ?? ["none"]) == Set((roles ?? []).map(\.rawValue)),
        "\(route)")
      #expect((operation["x-administrator"] == .scalar("true")) == (roles == []), "\(route)")
    }
  }

  @Test func theContractNamesTheProcessesThatServeARoute() throws {
    let contract = try Self.contract()
    for route in Route.allCases {
      let written = try Self.operation(route, contract)["x-process-roles"]?.texts
      let all = ServerRole.allCases.map(\.rawValue)
      #expect(Set(written ?? all) == Set(route.roles.map(\.rawValue)), "\(route)")
    }
  }

  @Test func eachStatusWithCodesHasItsResponse() throws {
    let contract = try Self.contract()
    for route in Route.allCases {
      let operation = try Self.operation(route, contract)
      let coded = Set((operation["x-error-codes"]?.members ?? [:]).keys)
      let answered = Set((operation["responses"]?.members ?? [:]).keys)
      #expect(coded.subtracting(answered) == [], "\(route)")
    }
  }

  @Test func parametersAreTheOnesThatAreTaken() async throws {
    let contract = try Self.contract()
    let schema = ResponseSchema(document: contract)
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    for route in Route.allCases {
      let operation = try Self.operation(route, contract)
      guard case .list(let parameters)? = operation["parameters"] else { continue }
      for parameter in parameters.map(schema.resolve) where parameter["in"]?.text == "query" {
        let name = try #require(parameter["name"]?.text)
        let reply = try await Self.call(route, client, query: "?\(name)=")
        #expect(reply.errorCode != "UNKNOWN_FIELD", "\(route) \(name)")
      }
    }
  }

  private static func call(
    _ route: Route, _ client: APIClient, query: String = "", body: String = "{}"
  ) async throws -> Reply {
    let path = route.template.replacing("{table}", with: "t").replacing("{id}", with: "1")
    let takesBody = [
      .createTable, .alterTable, .ingest, .query, .replayDeadLetters, .pinSnapshot,
      .restoreSnapshot, .startEventReplay,
    ].contains(route)
    return try await client.send(
      route.method, path + query, takesBody ? Array(body.utf8) : [],
      contentType: takesBody ? "application/json" : nil)
  }

  @Test func requestFieldsAreTheOnesThatAreTaken() async throws {
    let contract = try Self.contract()
    let schemas = try #require(contract["components"]?["schemas"])
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    for (route, name) in [
      (Route.createTable, "CreateTableRequest"), (.ingest, "IngestRequest"),
      (.query, "QueryRequest"), (.alterTable, "AlterTableRequest"),
      (.replayDeadLetters, "ReplayRequest"), (.startEventReplay, "EventReplayRequest"),
    ] {
      let properties = try #require(schemas[name]?["properties"]).members.keys
      #expect(properties.count > 3)
      for property in properties {
        let reply = try await Self.call(route, client, body: #"{"\#(property)": null}"#)
        #expect(reply.errorCode != "UNKNOWN_FIELD", "\(name).\(property)")
      }
      let other = try await Self.call(route, client, body: #"{"no_such_field": null}"#)
      #expect(other.errorCode == "UNKNOWN_FIELD")
    }
    for property in try #require(schemas["IngestRecord"]?["properties"]).members.keys {
      let reply = try await Self.call(
        .ingest, client, body: #"{"records": [{"\#(property)": null}]}"#)
      #expect(reply.errorCode != "UNKNOWN_FIELD", "IngestRecord.\(property)")
    }
  }

  @Test func answersAreAsTheContractSays() async throws {
    var held = HeldAnswers(contract: try Self.contract())
    let client = try ServerProcess.shared.newTenant()
    let snapshot = try await Self.holdWritesAndQueries(client, &held)
    try await Self.holdSchemas(client, &held)
    for (route, path) in [
      (Route.health, "health"), (.listSchemas, "tables/t/schemas?limit=1"), (.ready, "ready"),
      (.metrics, "metrics"), (.version, "version"),
      (.limits, "limits"), (.listTables, "tables?limit=1"), (.getTable, "tables/t"),
      (.listSnapshots, "snapshots?limit=1"), (.lag, "lag"), (.uiSchema, "ui/schema"),
      (.listDeadLetters, "dead-letters?limit=1"), (.getSnapshot, "snapshots/\(snapshot)"),
      (.tableChanges, "tables/t/changes?from_snapshot=\(snapshot)&to_snapshot=\(snapshot)"),
    ] {
      try held.hold(route, try await client.get("/v1/" + path))
    }
    try await Self.holdDeadLetters(client, &held)
    try await Self.holdReplays(client, &held)
    try await Self.holdHistory(client, snapshot, &held)
    for (route, path) in [
      (Route.runCompaction, "compaction"), (.runRetention, "retention"),
      (.runIntegrity, "integrity"),
    ] {
      try held.hold(route, try await client.post("/v1/\(path)/run"))
    }
    try held.hold(.createTable, try await client.createTable("t", "id BIGINT"), 409)
    try held.hold(.query, try await client.query("FROM nosuch"), 404)
    try held.hold(.deleteTable, try await client.delete("/v1/tables/t"))
    #expect(held.seen == Set(Route.allCases))
  }

  /// - Returns: a snapshot that shows a row of table `t`.
  private static func holdWritesAndQueries(
    _ client: APIClient, _ held: inout HeldAnswers
  ) async throws -> Int64 {
    let made = try await client.createTable(
      "t", "id BIGINT", "at TIMESTAMPTZ", more: #", "event_time_column": "at""#)
    try held.hold(.createTable, made, 201)
    #expect(made.header("Location") == "/v1/tables/t")
    try held.hold(
      .ingest,
      try await client.ingest(
        "t", [("a", #"{"id": 1}"#), ("b", #"{"id": "x"}"#)], more: #", "on_error": "dead_letter""#))
    let visible = try await client.ingestVisibly("t", key: "c", #"{"id": 2}"#)
    try held.hold(.ingest, visible)
    try held.hold(.query, try await client.query("FROM t"))
    return visible["visible_snapshot_id"]?.integer ?? 0
  }

  private static func holdSchemas(
    _ client: APIClient, _ held: inout HeldAnswers
  ) async throws {
    let proposal = try await client.post(
      "/v1/tables", #"{"table_name": "s", "dry_run": true, "sample_records": [{"a": 1}]}"#)
    try held.hold(.createTable, proposal)
    let altered = try await client.send(
      "PATCH", "/v1/tables/t",
      Array(
        #"""
        {"schema_json": {"columns": [{"name": "key", "type": "DECIMAL(19,0)", "renamed_from": "id"},
          {"name": "at", "type": "TIMESTAMPTZ", "comment": "when"}]}}
        """#.utf8), contentType: "application/json")
    try held.hold(.alterTable, altered)
    try held.hold(
      .alterTable,
      try await client.send(
        "PATCH", "/v1/tables/t",
        Array(#"{"schema_json": {"columns": [{"name": "at", "type": "DATE"}]}}"#.utf8),
        contentType: "application/json"), 409)
  }

  private static func holdDeadLetters(
    _ client: APIClient, _ held: inout HeldAnswers
  ) async throws {
    let letters = try await client.get("/v1/dead-letters")
    let letter = letters["dead_letters"]?.elements?.first?["dead_letter_id"]?.integer ?? 0
    try held.hold(
      .replayDeadLetters,
      try await client.post("/v1/dead-letters/replay", #"{"ids": [\#(letter), 999999999]}"#))
    try held.hold(.discardDeadLetter, try await client.delete("/v1/dead-letters/\(letter)"))
    try held.hold(.discardDeadLetter, try await client.delete("/v1/dead-letters/999999999"), 404)
  }

  private static func holdReplays(
    _ client: APIClient, _ held: inout HeldAnswers
  ) async throws {
    // One that is faster than its cancellation is none that could be cancelled.
    for attempt in 0..<20 where !held.seen.contains(.cancelEventReplay) {
      let begun = try await client.post(
        "/v1/replays",
        #"""
        {"source_table": "t", "from_token": 1, "to_token": 1, "series": "\#(attempt)",
          "into_existing_rows": true}
        """#)
      try held.hold(.startEventReplay, begun, 202)
      let path = "/v1/replays/\(begun["replay_id"]?.integer ?? 0)"
      let cancelled = try await client.delete(path)
      try held.hold(.cancelEventReplay, cancelled, cancelled.status == 409 ? 409 : 200)
      try held.hold(.getEventReplay, try await client.get(path))
    }
    try held.hold(.listEventReplays, try await client.get("/v1/replays?limit=1"))
    try held.hold(.getEventReplay, try await client.get("/v1/replays/999999999"), 404)
  }

  private static func holdHistory(
    _ client: APIClient, _ snapshot: Int64, _ held: inout HeldAnswers
  ) async throws {
    try held.hold(
      .pinSnapshot,
      try await client.post("/v1/snapshots/pin", #"{"snapshot_id": \#(snapshot)}"#))
    try held.hold(
      .restoreSnapshot,
      try await client.post("/v1/snapshots/restore", #"{"snapshot_id": \#(snapshot)}"#))
    try held.hold(.unpinSnapshot, try await client.delete("/v1/snapshots/pin/\(snapshot)"))
    try held.hold(.unpinSnapshot, try await client.delete("/v1/snapshots/pin/\(snapshot)"), 404)
  }
}

/// Answers that were held against the contract.
private struct HeldAnswers {
  let contract: YAMLValue
  private(set) var seen: Set<Route> = []

  init(contract: YAMLValue) { self.contract = contract }

  mutating func hold(_ route: Route, _ reply: Reply, _ status: Int = 200) throws {
    reply.expect(status)
    let schema = ResponseSchema(document: contract)
    let responses = try #require(try ContractTests.operation(route, contract)["responses"])
    let response = schema.resolve(try #require(responses[String(status)]))
    let content = try #require(response["content"], "\(route)")
    if status < 300 { seen.insert(route) }
    guard let json = content["application/json"]?["schema"] else {
      #expect(reply.header("Content-Type")?.hasPrefix("text/plain") == true, "\(route)")
      return
    }
    let value = try #require(reply.json)
    #expect(schema.faults(value, json) == [], "\(route): \(reply.text.prefix(500))")
  }
}

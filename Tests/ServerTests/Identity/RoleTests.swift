import API
import Configuration
import Testing

/// A server with keys: one for each role of acme, one for each of two tenants with all roles.
@Suite(
  .sharedServer([
    "DUCKMESH_STATIC_KEYS":
      (AccessRole.allCases.map { "acme-\($0.rawValue):acme:\($0.rawValue)" } + [
        "acme-all:acme:ingest_writer|query_reader|table_admin|ops_admin",
        "globex-all:globex:ingest_writer|query_reader|table_admin|ops_admin",
      ]).joined(separator: ","),
    "DUCKMESH_ADMIN_KEY": "root-key",
  ])) struct RoleTests
{
  /// The contract, written down a second time: which roles may call a route.
  static func roles(of route: Route) -> Set<AccessRole>? {
    switch route {
    case .health, .ready, .version, .limits: nil
    case .metrics: []
    case .listTables, .getTable, .listSchemas: [.queryReader, .tableAdmin]
    case .createTable, .alterTable, .deleteTable: [.tableAdmin]
    case .ingest: [.ingestWriter]
    case .query, .uiSchema, .tableChanges: [.queryReader]
    case .listSnapshots, .getSnapshot: [.queryReader, .opsAdmin]
    case .lag, .listDeadLetters, .replayDeadLetters, .discardDeadLetter, .runCompaction,
      .runRetention, .runIntegrity, .pinSnapshot, .unpinSnapshot, .restoreSnapshot,
      .listEventReplays, .startEventReplay, .getEventReplay, .cancelEventReplay:
      [.opsAdmin]
    }
  }

  private static func call(_ route: Route, _ client: APIClient) async throws -> Reply {
    let path = route.template.replacing("{table}", with: "nosuch")
      .replacing("{id}", with: "999999999")
    let takesBody = [
      .createTable, .alterTable, .ingest, .query, .replayDeadLetters, .pinSnapshot,
      .restoreSnapshot, .startEventReplay,
    ].contains(route)
    return try await client.send(
      route.method, path, takesBody ? Array("{}".utf8) : [],
      contentType: takesBody ? "application/json" : nil)
  }

  @Test(arguments: Route.allCases)
  func eachRouteServesItsRolesAlone(_ route: Route) async throws {
    let server = try ServerProcess.shared
    let allowed = Self.roles(of: route)
    for role in AccessRole.allCases {
      let reply = try await Self.call(route, server.client(key: "acme-\(role.rawValue)"))
      if allowed?.contains(role) ?? true {
        #expect(![401, 403].contains(reply.status), "\(role): \(reply.text.prefix(300))")
      } else {
        reply.expectError(403, "FORBIDDEN")
      }
    }
    let admin = try await Self.call(route, server.client(key: "root-key"))
    if allowed?.contains(.opsAdmin) ?? true || route == .metrics {
      #expect(![401, 403].contains(admin.status), "\(admin.text.prefix(300))")
    } else {
      admin.expectError(403, "FORBIDDEN")
    }
    let nobody = try await Self.call(route, server.client())
    let stranger = try await Self.call(route, server.client(key: "acme-al"))
    for reply in [nobody, stranger] where allowed != nil {
      reply.expectError(401, "UNAUTHENTICATED")
      #expect(reply.header("WWW-Authenticate") == "Bearer")
    }
    if allowed == nil { nobody.expect(nobody.status == 503 ? 503 : 200) }
  }

  @Test func credentialsComeInTwoForms() async throws {
    let server = try ServerProcess.shared
    let bearer = server.client().with("Authorization", "Bearer acme-all")
    #expect(try await bearer.get("/v1/tables").expect(200)["tenant_id"]?.text == "acme")
    try await server.client().with("Authorization", "bearer acme-all").get("/v1/tables").expect(200)
    for value in ["Basic YWNtZS1hbGw=", "acme-all", "Bearer", "Bearer  acme-all", "Bearer x"] {
      try await server.client().with("Authorization", value).get("/v1/tables")
        .expectError(401, "UNAUTHENTICATED")
    }
    try await server.client(key: "globex-all").with("Authorization", "Bearer acme-all")
      .get("/v1/tables").expectError(401, "UNAUTHENTICATED")
    let text = try await server.client(key: "wrong-secret").get("/v1/tables").text
    #expect(!text.contains("wrong-secret"))
    #expect(!server.log.contains("acme-all") && !server.log.contains("root-key"))
  }

  @Test func theTenantIsTheCredentials() async throws {
    let server = try ServerProcess.shared
    try await server.client(tenant: "acme", key: "acme-all").get("/v1/tables").expect(200)
    for route in Route.allCases where Self.roles(of: route)?.isEmpty == false {
      try await Self.call(route, server.client(tenant: "globex", key: "acme-all"))
        .expectError(403, "TENANT_MISMATCH")
      try await Self.call(route, server.client(tenant: "GLOBEX", key: "acme-all"))
        .expectError(400, "INVALID_TENANT")
    }
  }

  @Test func nothingOfATenantIsSeenByAnother() async throws {
    let server = try ServerProcess.shared
    let acme = server.client(key: "acme-all")
    let globex = server.client(key: "globex-all")
    try await acme.createTable("secrets", "id BIGINT").expect(201)
    let written = try await acme.ingestVisibly("secrets", key: "k", #"{"id": 42}"#).expect(200)
    let snapshot = try #require(written["visible_snapshot_id"]?.integer)
    try await acme.ingest(
      "secrets", [("bad", #"{"id": "x"}"#)], more: #", "on_error": "dead_letter""#
    )
    .expect(200)

    // Apart from the name that was asked for.
    func same(_ first: Reply, _ second: Reply, _ status: Int, _ code: String) {
      first.expectError(status, code)
      let message = first["message"]?.text?.replacing("secrets", with: "nosuch")
      #expect(message == second["message"]?.text && first["context"] == second["context"])
    }
    same(
      try await globex.get("/v1/tables/secrets"), try await globex.get("/v1/tables/nosuch"),
      404, "TABLE_NOT_FOUND")
    same(
      try await globex.delete("/v1/tables/secrets"), try await globex.delete("/v1/tables/nosuch"),
      404, "TABLE_NOT_FOUND")
    same(
      try await globex.ingest("secrets", [("k", #"{"id": 1}"#)]),
      try await globex.ingest("nosuch", [("k", #"{"id": 1}"#)]), 404, "TABLE_NOT_FOUND")
    same(
      try await globex.query("FROM secrets"), try await globex.query("FROM nosuch"), 404,
      "TABLE_NOT_FOUND")
    same(
      try await globex.get("/v1/snapshots/\(snapshot)"),
      try await globex.get("/v1/snapshots/999999999"), 404, "SNAPSHOT_NOT_FOUND")
    same(
      try await globex.query("SELECT 1", more: #", "snapshot_id": \#(snapshot)"#),
      try await globex.query("SELECT 1", more: #", "snapshot_id": 999999999"#), 404,
      "SNAPSHOT_NOT_FOUND")
    try await globex.query("SELECT 1", more: #", "min_visibility_token": 1"#)
      .expectError(400, "VISIBILITY_TOKEN_INVALID")
    for sql in [
      "SELECT * FROM acme.secrets", "SELECT * FROM main.acme.secrets", #"FROM "acme"."secrets""#,
    ] {
      let reply = try await globex.query(sql)
      #expect([403, 404].contains(reply.status) && reply["rows"] == nil, "\(reply.text)")
    }
    #expect(try await globex.rows("SHOW TABLES") == "[]")
    #expect(try await globex.rows("SELECT table_name FROM information_schema.tables") == "[]")
    #expect(try await globex.get("/v1/tables")["tables"]?.elements == [])
    let ids = try await globex.get("/v1/snapshots")["snapshots"]?.elements?
      .compactMap { $0["snapshot_id"]?.integer }
    #expect(ids?.contains(snapshot) == false)
    #expect(try await globex.get("/v1/dead-letters")["dead_letters"]?.elements == [])
    let lag = try await globex.get("/v1/lag").expect(200)
    #expect(lag["tenant_id"]?.text == "globex" && lag["accepted_events"]?.integer == 0)
    #expect(lag["dead_letter_events"]?.integer == 0)
    try await globex.get("/v1/metrics").expectError(403, "FORBIDDEN")
    let integrity = try await globex.post("/v1/integrity/run").expect(200)
    #expect(integrity["summary", "tenants_scanned"]?.integer == 1)
    #expect(integrity["summary", "referenced_files"]?.integer == 0)
    // Keys are the tenant's own.
    try await globex.createTable("secrets", "id BIGINT").expect(201)
    #expect(
      try await globex.ingestVisibly("secrets", key: "k", #"{"id": 7}"#)["accepted_count"]?.integer
        == 1)
    #expect(try await globex.rows("FROM secrets") == "[[7]]")
    #expect(try await acme.rows("FROM secrets") == "[[42]]")
    try await globex.delete("/v1/tables/secrets").expect(200)
    #expect(try await acme.rows("FROM secrets") == "[[42]]")
  }

  @Test func theGuardsOfTheOpenServerAreNotNeeded() async throws {
    let server = try ServerProcess.shared
    try await server.client(key: "acme-all").with("Origin", "https://console.example")
      .get("/v1/tables").expect(200)
    let metrics = try await server.client(key: "root-key").get("/v1/metrics").expect(200).text
    #expect(metrics.contains(#"tenant="acme""#) && metrics.contains(#"tenant="globex""#))
  }
}

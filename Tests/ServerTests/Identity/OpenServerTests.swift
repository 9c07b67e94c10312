import Testing

/// A server without authentication: any web page that a developer opens can reach it.
@Suite(.sharedServer()) struct OpenServerTests {
  private static func exchange(
    _ lines: String..., method: String = "GET", path: String = "/v1/tables", body: String = ""
  ) async throws -> RawAnswer {
    let server = try ServerProcess.shared
    let head = ["\(method) \(path) HTTP/1.1"] + lines + ["Connection: close"]
    let text = head.joined(separator: "\r\n").replacing("PORT", with: String(server.port))
    let length = body.isEmpty ? "" : "\r\nContent-Length: \(body.utf8.count)"
    return try await RawConnection.exchange(server, Array("\(text)\(length)\r\n\r\n\(body)".utf8))
  }

  @Test func theTenantIsTheHeadersOrTheDefault() async throws {
    let server = try ServerProcess.shared
    #expect(try await server.client().get("/v1/tables").expect(200)["tenant_id"]?.text == "default")
    let named = server.client(tenant: "a-tenant_1")
    try await named.createTable("t", "id BIGINT").expect(201)
    #expect(try await named.get("/v1/tables")["tenant_id"]?.text == "a-tenant_1")
    #expect(try await server.client().get("/v1/tables")["tables"]?.elements == [])
  }

  @Test(arguments: [
    "", "Acme", "a.b", "-a", "main", "information_schema", "pg_catalog", "a/b", "../x", "é",
    "a123456789012345678901234567890123456789012345678901234567890123",
  ])
  func badTenantNamesAreRefused(_ name: String) async throws {
    let client = try ServerProcess.shared.client().with("X-Tenant-ID", name)
    try await client.get("/v1/tables").expectError(400, "INVALID_TENANT")
  }

  @Test(arguments: [
    "evil.example", "evil.example:PORT", "127.0.0.1.evil.example:PORT", "localhost.evil.example",
    "127.0.0.2:PORT", "[::2]:PORT", "",
  ])
  func aReboundHostIsRefused(_ host: String) async throws {
    for path in ["/v1/tables", "/v1/health", "/v1/metrics", "/nowhere"] {
      let answer = try await Self.exchange("Host: \(host)", path: path)
      #expect(answer.status == 403 && answer.text.contains("ORIGIN_NOT_ALLOWED"), "\(answer.text)")
    }
  }

  @Test(arguments: ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "[::1]:PORT"])
  func loopbackHostsAreServed(_ host: String) async throws {
    #expect(try await Self.exchange("Host: \(host)").status == 200)
    #expect(try await Self.exchange("Host: \(host)", "Origin: http://\(host)").status == 200)
  }

  @Test(arguments: [
    "https://evil.example", "null", "http://127.0.0.1:1", "http://localhost",
    "http://127.0.0.1.evil.example:PORT", "file://", "http://evil.example:PORT",
    "http://evil@127.0.0.1:PORT",
  ])
  func foreignOriginsAreRefused(_ origin: String) async throws {
    let answer = try await Self.exchange("Host: 127.0.0.1:PORT", "Origin: \(origin)")
    #expect(answer.status == 403 && answer.text.contains("ORIGIN_NOT_ALLOWED"), "\(answer.text)")
  }

  @Test func aWebPagesPlainPostDoesNothing() async throws {
    let tenant = try ServerProcess.shared.newTenant()
    try await tenant.createTable("t", "id BIGINT").expect(201)
    let body = #"{"records":[{"idempotency_key":"k","op":"insert","payload":{"id":1}}]}"#
    let name = try #require(tenant.tenant)
    let foreign = try await Self.exchange(
      "Host: 127.0.0.1:PORT", "Origin: https://evil.example", "Content-Type: text/plain",
      "X-Tenant-ID: \(name)", method: "POST", path: "/v1/ingest/t", body: body)
    #expect(foreign.status == 403 && foreign.text.contains("ORIGIN_NOT_ALLOWED"))
    // Browsers leave Origin out of some requests: the media type alone stops those.
    let plain = try await Self.exchange(
      "Host: 127.0.0.1:PORT", "Content-Type: text/plain", "X-Tenant-ID: \(name)", method: "POST",
      path: "/v1/ingest/t", body: body)
    #expect(plain.status == 415 && plain.text.contains("UNSUPPORTED_MEDIA_TYPE"))
    let preflight = try await Self.exchange(
      "Host: 127.0.0.1:PORT", "Origin: https://evil.example",
      "Access-Control-Request-Method: POST", method: "OPTIONS", path: "/v1/ingest/t")
    #expect(preflight.status == 403 && !preflight.text.contains("Access-Control-Allow"))
    #expect(try await tenant.get("/v1/lag")["accepted_events"]?.integer == 0)
  }
}

import Foundation
import Runtime
import SimdJSON
import TestSupport
import Testing

/// Records that crash the engine, and crashes that no record is to blame for.
@Suite struct PoisonTests {
  private static let text = "skull-and-crossbones"
  private static let poisoned: Set<Int> = [37, 160]

  private static func payload(_ id: Int, _ note: String) -> String {
    #"{"id": \#(id), "note": "\#(note)"}"#
  }

  private static func records(
    _ ids: Range<Int>, poisoned: Set<Int> = []
  ) -> [(key: String, payload: String)] {
    ids.map { ("k\($0)", payload($0, poisoned.contains($0) ? "a \(text)" : "well")) }
  }

  @Test func aRecordThatCrashesTheEngineCrashesTheServerTwiceAndNoMore() async throws {
    // Events are accepted before anybody materialises them.
    try await ServerProcess.with(["DUCKMESH_FLUSH_INTERVAL_MS": "100"]) { server in
      let client = server.client(tenant: "poisoned")
      let neighbour = server.client(tenant: "neighbour")
      try await client.createTable("t", "id BIGINT", "note VARCHAR").expect(201)
      try await neighbour.createTable("t", "id BIGINT", "note VARCHAR").expect(201)
      #expect(await server.stop() == .exited(0))

      let hooks = [CrashPoint.enablingVariable: "1", PoisonText.variable: Self.text]
      try await server.start(hooks)
      try await neighbour.ingest("t", Self.records(0..<5)).expect(200)
      // The server may crash before it has answered; what it took is there all the same.
      _ = try? await client.ingest("t", Self.records(0..<200, poisoned: Self.poisoned))
      #expect(await server.ended() == .signalled(SIGABRT))
      // What is pending ends it whether or not it comes to listening.
      #expect(try await server.startToEnd(hooks) == .signalled(SIGABRT))

      try await server.start(hooks)
      // Keys that were accepted are duplicates, so that nothing depends on the lost answer.
      let again = try await client.ingest(
        "t", Self.records(0..<200, poisoned: Self.poisoned)
      ).expect(200)
      #expect(again["duplicate_count"]?.integer == 200)
      let token = try #require(again.token)
      #expect(token == 200)
      // Children take their time, one after the other.
      try await eventually("the events are visible or set aside") {
        try await client.get("/v1/lag")["pending_events"]?.integer == 0
      }
      #expect(
        try await client.rows(
          "SELECT count(*), count(DISTINCT id), sum(id)::BIGINT FROM t", token: token)
          == "[[198,198,\(199 * 100 - 37 - 160)]]")
      try await Self.expectLetters(client)
      #expect(try await neighbour.rows("SELECT count(*) FROM t") == "[[5]]")

      // The server goes on as usual, and every event is accounted for.
      let next = try await client.ingestVisibly("t", key: "next", Self.payload(1_000, "well"))
      #expect(next.token == 201)
      #expect(try await client.get("/v1/lag")["dead_letter_events"]?.integer == 2)
      try await client.post("/v1/integrity/run").expect(200)
      try await Self.expectNothingLeft(server)
    }
  }

  @Test func killsFromOutsideMakeNoDeadLetter() async throws {
    try await ServerProcess.with(["DUCKMESH_FLUSH_INTERVAL_MS": "20"]) { server in
      let client = server.client(tenant: "innocent")
      try await client.createTable("t", "id BIGINT", "note VARCHAR").expect(201)
      let hooks = [
        CrashPoint.enablingVariable: "1",
        CrashPoint.variable: CrashPoint.afterMaterialize.rawValue,
      ]
      try await server.restart(hooks)
      _ = try? await client.ingest("t", Self.records(0..<200))
      #expect(await server.ended() == .signalled(SIGKILL))
      #expect(try await server.startToEnd(hooks) == .signalled(SIGKILL))

      try await server.start()
      let again = try await client.ingest("t", Self.records(0..<200)).expect(200)
      #expect(again["duplicate_count"]?.integer == 200)
      #expect(
        try await client.rows("SELECT count(*), sum(id)::BIGINT FROM t", token: again.token)
          == "[[200,19900]]")
      #expect(server.log.contains("CRASHES_REPEATED"), "no child process was asked")
      #expect(try await client.get("/v1/dead-letters")["dead_letters"]?.elements == [])
      try await client.post("/v1/integrity/run").expect(200)
      try await Self.expectNothingLeft(server)
    }
  }

  private static func expectLetters(_ client: APIClient) async throws {
    let letters = try #require(
      try await client.get("/v1/dead-letters").expect(200)["dead_letters"]?.elements)
    #expect(letters.count == 2)
    for letter in letters {
      #expect(letter["reason"]?.text == "ENGINE_CRASHED")
      #expect(letter["message"]?.text?.isEmpty == false)
      let key = try #require(letter["idempotency_key"]?.text)
      let id = try #require(Int(key.dropFirst()))
      #expect(poisoned.contains(id))
      #expect(letter["token"]?.integer == Int64(id + 1))
      #expect(letter["payload"]?["note"]?.text == "a \(text)")
    }
    #expect(Set(letters.compactMap { $0["idempotency_key"]?.text }).count == 2)
  }

  /// Attempts that came to an end leave an empty line, and probes nothing. Who waits for an event
  /// is told before its attempt is struck off.
  private static func expectNothingLeft(_ server: ServerProcess) async throws {
    try await eventually("no attempt is left") {
      try String(contentsOfFile: server.dataFolder + "/attempts/ranges", encoding: .utf8)
        .allSatisfy(\.isWhitespace)
    }
    try await eventually("no file is left in probes") {
      try FileManager.default.contentsOfDirectory(atPath: server.dataFolder + "/probes").isEmpty
    }
  }
}

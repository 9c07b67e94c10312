import Testing
import WorkerProtocol

@Suite struct AnswerTests {
  @Test func aStatementAnswersInEveryFormat() async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.lake.write(
        "flights", of: 1, as: "SELECT range AS id, 'c' || range AS carrier FROM range(3)")
      let json = try await fixture.run("SELECT id, carrier FROM flights ORDER BY id")
      #expect(json.columns == ["id", "carrier"])
      #expect(json.types == ["BIGINT", "VARCHAR"])
      #expect(json.text == #"[0,"c0"],[1,"c1"],[2,"c2"]"#)
      #expect(json.ending?.rowCount == 3)
      #expect(json.ending?.truncated == false)
      let lines = try await fixture.run("SELECT id FROM flights ORDER BY id") {
        $0.format = .ndjson
      }
      #expect(lines.text == "{\"id\":0}\n{\"id\":1}\n{\"id\":2}\n")
      let csv = try await fixture.run("SELECT id FROM flights ORDER BY id") { $0.format = .csv }
      #expect(csv.text == "id\r\n0\r\n1\r\n2\r\n")
    }
  }
}

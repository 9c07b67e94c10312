import DuckDB
import QueryWorker
import Testing
import WorkerProtocol

struct PassedStatementsTests {
  @Test func aStatementThatPassedIsTheSameWhenItComesAgain() async throws {
    let statements = [
      "SELECT count(*) FROM Events WHERE id = $1", "EXPLAIN SELECT 1", "SHOW TABLES",
      "SELECT x FROM a, b WHERE a.id = b.id AND a.v > 3",
    ]
    let answers = try await StatementGateTests.check(statements + statements)
      .map { try $0.get() }
    #expect(Array(answers[..<statements.count]) == Array(answers[statements.count...]))
    #expect(answers[0].tables == ["Events"])
  }

  @Test func aStatementThatWasRefusedIsRefusedAgainAndItsNeighboursAreNotTakenForIt()
    async throws
  {
    let refused = "SELECT * FROM read_csv('/etc/passwd')"
    try await StatementGateTests.expectRefused([refused, refused], as: .sqlNotAllowed)
    let spellings = ["SELECT a FROM t", "SELECT A FROM t", "SELECT a FROM t "]
    let texts = try await StatementGateTests.check(spellings + spellings).map { try $0.get().text }
    #expect(texts == spellings + spellings)
  }

  @Test func aFewAreKeptThoseThatWereAskedForLast() async throws {
    try await Blocking.run {
      let passed = PassedStatements()
      let statement = try StatementGate(try DuckDBInstance().connect()).check("SELECT 1")
      for number in 0..<1_000 {
        passed.keep(statement, of: "\(number)")
        #expect(passed.find("0") == statement, "the one that is asked for all the time")
      }
      #expect(passed.count == PassedStatements.capacity)
      #expect(passed.find("998") == statement && passed.find("1") == nil)
      passed.keep(statement, of: String(repeating: "x", count: 1 << 20))
      #expect(passed.count == PassedStatements.capacity)
      #expect(passed.find("998") == statement)
    }
  }
}

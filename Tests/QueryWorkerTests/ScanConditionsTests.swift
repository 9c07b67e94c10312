import DuckDB
import QueryWorker
import Testing
import WorkerProtocol

/// What a statement asks of its tables' columns by themselves.
@Suite struct ScanConditionsTests {
  private func conditions(_ sql: String) async throws -> [String] {
    let found = try await Blocking.run {
      try StatementGate(try DuckDBInstance().connect()).check(sql).conditions
    }
    return found.map { condition in
      let operands = condition.operands.map { operand in
        switch operand {
        case .constant(.integer(let text)): text
        case .constant(.text(let text)): "'\(text)'"
        case .constant(.typed(let text, let type)): "\(type) '\(text)'"
        case .parameter(let name): "$\(name)"
        }
      }
      return "\(condition.table).\(condition.column) \(condition.comparison) "
        + operands.joined(separator: ",")
    }
  }

  @Test(arguments: [
    ("SELECT * FROM e WHERE a = 5 AND 'x' < b", ["e.a isIn 5", "e.b isGreater 'x'"]),
    (
      "SELECT count(*) FROM e WHERE (a IN (1, 2) AND b BETWEEN 'a' AND 'c') AND c IS NULL",
      ["e.a isIn 1,2", "e.b isGreaterOrEqual 'a'", "e.b isLessOrEqual 'c'"]
    ),
    (
      "SELECT 1 FROM main.e AS x WHERE x.t >= DATE '2024-01-01' AND $p > t",
      ["e.t isGreaterOrEqual DATE '2024-01-01'", "e.t isLess $p"]
    ),
    (
      "WITH w AS (SELECT * FROM e WHERE a < -3) SELECT * FROM w JOIN u ON w.a = u.a WHERE u.b = 1",
      ["e.a isLess -3", "u.b isIn 1"]
    ),
    ("SELECT 1 FROM e LEFT JOIN u ON e.a = u.a WHERE u.b = 1", ["u.b isIn 1"]),
    ("SELECT 1 FROM (SELECT * FROM e WHERE a = 1) WHERE b = 2", ["e.a isIn 1"]),
    ("EXPLAIN SELECT 1 FROM e WHERE a = 1", ["e.a isIn 1"]),
  ])
  func comparisonsWithConstantsAreTold(sql: String, expected: [String]) async throws {
    #expect(try await conditions(sql) == expected)
  }

  @Test(arguments: [
    // Rows of the table are read twice, perhaps for something else.
    "SELECT * FROM e WHERE a = 5 UNION ALL SELECT * FROM E",
    "SELECT * FROM e WHERE a = (SELECT max(a) FROM e)",
    "SELECT * FROM e AS x, e AS y WHERE x.a = 5",
    // Whose column it is cannot be said.
    "SELECT * FROM e, u WHERE a = 5",
    "SELECT * FROM e AS x WHERE e.a = 5",
    // No condition of every row.
    "SELECT * FROM e WHERE a = 5 OR b = 6",
    "SELECT * FROM e WHERE NOT a = 5",
    "SELECT a = 5 FROM e",
    "SELECT a FROM e GROUP BY a HAVING a = 5",
    "SELECT a, row_number() OVER () AS r FROM e QUALIFY a = 5",
    "SELECT * FROM e LEFT JOIN u ON e.a = 5",
    // A row that is left out would make another one appear.
    "SELECT * FROM e ASOF JOIN u ON e.a >= u.a WHERE u.b = 5",
    "SELECT * FROM e POSITIONAL JOIN u WHERE u.b = 5",
    "SELECT * FROM e FULL JOIN u ON e.a = u.a WHERE u.b = 5",
    "SELECT * FROM e TABLESAMPLE 10% WHERE a = 5",
    "SELECT * FROM e WHERE a = 5 USING SAMPLE 3",
    // The names are other columns'.
    "SELECT * FROM e AS x(b, a) WHERE x.a = 5",
    "WITH e AS (SELECT 1 AS a) SELECT * FROM e WHERE a = 5",
    // No constant, or one that the engine reads in its own way.
    "SELECT * FROM e WHERE a = b",
    "SELECT * FROM e WHERE a = 5 + 1",
    "SELECT * FROM e WHERE t > now()",
    "SELECT * FROM e WHERE a = 5.5",
    "SELECT * FROM e WHERE a IN (5, b)",
    "SELECT * FROM e WHERE a = TRY_CAST('5' AS DATE)",
    "SELECT * FROM e WHERE a = '5'::INTEGER",
    "SELECT * FROM e WHERE a COLLATE NOCASE = 'x'",
    "SELECT * FROM e WHERE a IS NOT DISTINCT FROM 5",
    "SELECT * FROM e WHERE a <> 5",
  ])
  func nothingIsToldThatCouldChangeAResult(sql: String) async throws {
    #expect(try await conditions(sql) == [])
  }
}

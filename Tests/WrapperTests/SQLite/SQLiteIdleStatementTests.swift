import SQLite
import Testing

/// Statements of texts that are built at run time are kept for the next time.
@Suite struct SQLiteIdleStatementTests {
  @Test func aStatementIsFoundAgainWithoutItsBindings() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      let text = "SELECT ?1"
      #expect(try connection.prepare(text).bind(Int64(5), at: 1).step())
      #expect(connection.idleStatementCount == 1)
      let again = try connection.prepare(text)
      #expect(connection.idleStatementCount == 0)
      #expect(try again.step())
      #expect(again.isNull(0))
    }
  }

  @Test func twoWhoHoldOneTextStepThroughItEachForThemselves() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      let text = "SELECT column1 FROM (VALUES (1), (2), (3))"
      let outer = try connection.prepare(text)
      var pairs: [[Int64]] = []
      while try outer.step() {
        let inner = try connection.prepare(text)
        while try inner.step() { pairs.append([outer.int64(0), inner.int64(0)]) }
      }
      #expect(pairs == [1, 2, 3].flatMap { first in [1, 2, 3].map { [first, $0] } })
    }
  }

  @Test func aStatementLeftOnARowHoldsNoSnapshot() async throws {
    try await withSQLiteFolder { folder in
      let writer = try folder.connect()
      try writer.execute("CREATE TABLE t(i); INSERT INTO t VALUES (1), (2)")
      let reader = try folder.connect(.readOnly)
      #expect(try reader.prepare("SELECT i FROM t").step())
      try writer.execute("INSERT INTO t VALUES (3)")
      // Refused while anybody reads from the log.
      #expect(try writer.checkpoint(.truncate) == (0, 0))
    }
  }

  @Test func noMoreAreKeptThanTheLimit() async throws {
    try await withSQLiteFolder { folder in
      let connection = try SQLiteConnection(
        path: folder.database, mode: .readWriteCreate, idleStatements: 2)
      for number in 0..<5 { #expect(try connection.prepare("SELECT \(number)").step()) }
      #expect(connection.idleStatementCount == 2)
    }
  }

  @Test func aStatementThatWasKeptReadsTheTableAsItIsNow() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(i); INSERT INTO t VALUES (1)")
      let text = "SELECT * FROM t"
      #expect(try connection.prepare(text).step())
      try connection.execute("ALTER TABLE t ADD COLUMN j DEFAULT 7")
      let row = try connection.prepare(text)
      #expect(try row.step())
      #expect(row.optionalInt64(1) == 7)
    }
  }

  @Test func aStatementOutlivesItsConnection() async throws {
    try await withSQLiteFolder { folder in
      var connection: SQLiteConnection? = try folder.connect()
      let row = try connection?.prepare("SELECT column1 FROM (VALUES (1), (2))")
      #expect(try row?.step() == true)
      connection = nil
      #expect(try row?.step() == true)
      #expect(row?.int64(0) == 2)
    }
  }
}

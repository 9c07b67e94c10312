import SQLite
import Testing

@Suite struct SQLiteStatementTests {
  @Test func valuesComeBackAsTheyWereBound() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(i INTEGER, s TEXT, b BLOB)")
      let texts = [
        "", "a", "nul\u{0}inside", "\u{1F986} duck", String(repeating: "x", count: 99_999),
      ]
      let blobs: [[UInt8]] = [[], [0], [0, 255, 0], Array(repeating: 7, count: 100_000)]
      let numbers: [Int64] = [0, -1, .max, .min]
      for (index, text) in texts.enumerated() {
        let (blob, number) = (blobs[index % blobs.count], numbers[index % numbers.count])
        try connection.execute("DELETE FROM t")
        try connection.statement("INSERT INTO t VALUES (?, ?, ?)")
          .bind(number, at: 1).bind(text, at: 2).bind(blob, at: 3).run()
        let row = try connection.statement("SELECT i, s, b, typeof(s), typeof(b) FROM t")
        #expect(try row.step())
        #expect(row.int64(0) == number)
        #expect(row.text(1) == text)
        #expect(row.bytes(2) == blob)
        #expect(row.text(3) == "text")
        #expect(row.text(4) == "blob")
        #expect(try !row.step())
      }
    }
  }

  @Test func nullsAreToldFromZeroAndEmpty() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      let row = try connection.statement("SELECT ?, ?, 0, ''")
        .bind(Int64?.none, at: 1).bind(String?.none, at: 2)
      #expect(try row.step())
      #expect(row.optionalInt64(0) == nil)
      #expect(row.optionalText(1) == nil)
      #expect(row.optionalInt64(2) == 0)
      #expect(row.optionalText(3) == "")
    }
  }

  @Test func aCachedStatementForgetsItsBindings() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      func ask() throws -> SQLiteStatement { try connection.statement("SELECT ?1") }
      let first = try ask().bind(Int64(5), at: 1)
      #expect(try first.step())
      #expect(first.int64(0) == 5)
      let second = try ask()
      #expect(second === first)
      #expect(try second.step())
      #expect(second.isNull(0))
    }
  }

  @Test func errorsSayWhatTheCallerCanDo() async throws {
    try await withSQLiteFolder { folder in
      let connection = try folder.connect()
      try connection.execute("CREATE TABLE t(i INTEGER PRIMARY KEY, s TEXT NOT NULL)")
      try connection.execute("INSERT INTO t VALUES (1, 'a')")
      let insert = { () throws(SQLiteError) in
        try connection.statement("INSERT INTO t VALUES (1, 'b')").run()
      }
      #expect(throws: SQLiteError.constraint(message: "UNIQUE constraint failed: t.i")) {
        try insert()
      }
      // The failed statement is usable again.
      try connection.execute("DELETE FROM t")
      try insert()
      #expect(connection.changes == 1)
      let misuse = #expect(throws: SQLiteError.self) { try connection.prepare("SELECT nonsense") }
      guard case .misuse = misuse else {
        Issue.record("a wrong statement is \(String(describing: misuse))")
        return
      }
      let range = #expect(throws: SQLiteError.self) {
        try connection.statement("SELECT 2").bind(Int64(1), at: 3)
      }
      guard case .misuse = range else {
        Issue.record("a wrong index is \(String(describing: range))")
        return
      }
    }
  }
}

import DuckDB
import Testing

struct AppenderTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
    try connection.execute("CREATE TABLE t (token BIGINT, payload VARCHAR)")
  }

  private func count() throws -> [[DuckDBValue]] {
    try connection.query("SELECT count(*) FROM t").rows
  }

  @Test func `rows of mixed values arrive`() throws {
    try connection.execute(
      "CREATE TABLE mixed (i BIGINT, d DOUBLE, b BOOLEAN, s VARCHAR, l VARCHAR[], n DATE)")
    let appender = try DuckDBAppender(connection, table: "mixed")
    try appender.append(Int64.min)
    try appender.append(0.5)
    try appender.append(true)
    try appender.append("ü\0\"")
    try appender.append(.list([.string("a"), .null]))
    try appender.appendNull()
    try appender.endRow()
    try appender.finish()
    #expect(
      try connection.query("FROM mixed").rows == [
        [
          .int64(.min), .double(0.5), .bool(true), .string("ü\0\""),
          .list([.string("a"), .null]), .null,
        ]
      ])
  }

  @Test func `whole chunks arrive, with NULLs and strings of any length`() throws {
    let appender = try DuckDBAppender(connection, table: "t")
    let chunk = try DuckDBChunkBuilder([.bigint, .varchar])
    let total = 10_000
    for start in stride(from: 0, to: total, by: DuckDBChunkBuilder.capacity) {
      let rows = min(DuckDBChunkBuilder.capacity, total - start)
      chunk.reset()
      chunk.withElements(ofColumn: 0, as: Int64.self) { tokens in
        for row in 0..<rows { tokens[row] = Int64(start + row) }
      }
      for row in 0..<rows {
        let number = start + row
        if number % 10 == 9 {
          chunk.setNull(column: 1, row: row)
        } else {
          let text = Array(String(repeating: "é", count: number % 30).utf8)
          try text.withUnsafeBytes { try chunk.setText($0, column: 1, row: row) }
        }
      }
      chunk.rowCount = rows
      try appender.append(chunk)
    }
    try appender.finish()
    let table = try connection.query(
      """
      SELECT count(*), count(payload), count(DISTINCT token), bool_and(CASE WHEN token % 10 = 9
        THEN payload IS NULL ELSE payload = repeat('é', (token % 30)::INTEGER) END) FROM t
      """)
    #expect(table.rows == [[.int64(10_000), .int64(9_000), .int64(10_000), .bool(true)]])
  }

  @Test func `a chunk is reused without traces of the rows before`() throws {
    let appender = try DuckDBAppender(connection, table: "t")
    let chunk = try DuckDBChunkBuilder([.bigint, .varchar])
    for round in Int64(0)..<2 {
      chunk.reset()
      #expect(chunk.rowCount == 0)
      chunk.withElements(ofColumn: 0, as: Int64.self) { $0[0] = round }
      if round == 0 {
        chunk.setNull(column: 1, row: 0)
      } else {
        chunk.setTrustedBytes(UnsafeRawBufferPointer(start: nil, count: 0), column: 1, row: 0)
      }
      chunk.rowCount = 1
      try appender.append(chunk)
    }
    try appender.finish()
    #expect(
      try connection.query("FROM t ORDER BY token").rows
        == [[.int64(0), .null], [.int64(1), .string("")]])
  }

  @Test func `bytes that are not UTF-8 are refused`() throws {
    let chunk = try DuckDBChunkBuilder([.varchar])
    let error = #expect(throws: DuckDBError.self) {
      try [UInt8]([0x66, 0xFF]).withUnsafeBytes { try chunk.setText($0, column: 0, row: 0) }
    }
    #expect(error?.kind == .invalidInput)
  }

  @Test func `an appender that is dropped leaves no row behind`() throws {
    func appendAndDrop() throws {
      let appender = try DuckDBAppender(connection, table: "t")
      try appender.append(Int64(1))
      try appender.append("lost")
      try appender.endRow()
    }
    try appendAndDrop()
    #expect(try count() == [[.int64(0)]])
  }

  @Test func `a constraint breaks finish and nothing stays`() throws {
    try connection.execute("CREATE TABLE keyed (k BIGINT PRIMARY KEY)")
    let appender = try DuckDBAppender(connection, table: "keyed")
    for key in [Int64(1), 2, 1] {
      try appender.append(key)
      try appender.endRow()
    }
    let error = #expect(throws: DuckDBError.self) { try appender.finish() }
    #expect(error?.kind == .constraint)
    #expect(try connection.query("SELECT count(*) FROM keyed").rows == [[.int64(0)]])
  }

  @Test func `an appender for a missing table is a catalog error`() {
    let error = #expect(throws: DuckDBError.self) {
      try DuckDBAppender(connection, table: "no_such_table")
    }
    #expect(error?.kind == .catalog)
  }

  @Test func `a value that does not fit its column is refused`() throws {
    let appender = try DuckDBAppender(connection, table: "t")
    let error = #expect(throws: DuckDBError.self) { try appender.append("not a number") }
    #expect(error?.kind == .conversion || error?.kind == .invalidInput)
  }

  @Test func `types without a builder are refused`() {
    let error = #expect(throws: DuckDBError.self) {
      try DuckDBChunkBuilder([.variant, .union([])])
    }
    #expect(error?.kind == .notImplemented)
  }
}

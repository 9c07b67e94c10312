import DuckDB
import Testing

struct ConnectionTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
  }

  @Test func `the library is the pinned version`() {
    #expect(DuckDBInstance.libraryVersion == "v2.0.0")
  }

  @Test func `every connection has UTC and the Gregorian calendar, also once locked`() throws {
    try connection.execute("SET lock_configuration = true")
    for candidate in [connection, try connection.instance.connect()] {
      let settings = try candidate.query(
        "SELECT current_setting('TimeZone'), current_setting('Calendar')")
      #expect(settings.rows == [[.string("UTC"), .string("gregorian")]])
    }
  }

  @Test func `another time zone can be asked for`() throws {
    let instance = try DuckDBInstance(.init(timeZone: "Europe/Vienna"))
    let hour = try instance.connect().query(
      "SELECT extract(hour FROM TIMESTAMPTZ '2024-01-01 00:00:00Z')")
    #expect(hour.rows == [[.int64(1)]])
  }

  @Test func `an unknown setting is refused and nothing leaks`() {
    let error = #expect(throws: DuckDBError.self) {
      try DuckDBInstance(.init(settings: ["no_such_setting": "1"]))
    }
    #expect(error?.kind == .configuration || error?.kind == .invalidInput)
  }

  @Test func `a bad value of a setting fails at opening`() {
    #expect(throws: DuckDBError.self) {
      try DuckDBInstance(.init(settings: ["memory_limit": "many"]))
    }
  }

  @Test func `execute tells the number of changed rows`() throws {
    try connection.execute("CREATE TABLE t (i BIGINT)")
    #expect(try connection.execute("INSERT INTO t SELECT * FROM range(5000)") == 5000)
    #expect(try connection.execute("DELETE FROM t WHERE i % 2 = 0") == 2500)
  }

  @Test func `a NUL in a statement is refused instead of cutting it`() {
    for sql in ["SELECT 1\0; DROP TABLE t", "\0"] {
      #expect(throws: DuckDBError.self) { try connection.execute(sql) }
      #expect(throws: DuckDBError.self) { try connection.prepare(sql) }
      #expect(throws: DuckDBError.self) { try connection.extractStatements(sql) }
    }
  }

  @Test func `statements are counted and prepared one by one`() throws {
    let statements = try connection.extractStatements("SELECT 1 AS a; CREATE TABLE x (i INT);")
    #expect(statements.count == 2)
    #expect(try statements.prepare(at: 1).kind == .create)
    let select = try statements.prepare(at: 0)
    #expect(select.kind == .select)
    #expect(try select.execute().readTable().rows == [[.int64(1)]])
  }

  @Test(arguments: ["", "  ", "-- nothing", ";"])
  func `a text without a statement is a parser error`(sql: String) {
    let error = #expect(throws: DuckDBError.self) { try connection.extractStatements(sql) }
    #expect(error?.kind == .parser)
  }

  @Test func `a result larger than its bound is refused`() throws {
    let error = #expect(throws: DuckDBError.self) {
      try connection.query("SELECT * FROM range(10001)", maximumRows: 10_000)
    }
    #expect(error?.kind == .outOfRange)
    #expect(
      try connection.query("SELECT * FROM range(10000)", maximumRows: 10_000).rows.count == 10_000)
  }

  @Test func `statistics of a written file read as a nested map`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/o.parquet"
    let table = try connection.query(
      """
      COPY (SELECT i AS id, 'x' || i AS name, {'a': i, 'b': [i]} AS s FROM range(3) r(i))
      TO \(sqlLiteral(path)) (FORMAT parquet, RETURN_STATS)
      """)
    #expect(table.value("count")?.int64 == 3)
    #expect(try #require(table.value("file_size_bytes")?.int64) > 100)
    #expect(try #require(table.value("footer_size_bytes")?.int64) > 10)
    let statistics = try #require(table.value("column_statistics"))
    let id = try #require(statistics[#""id""#] ?? statistics["id"])
    #expect(id["min"] == .string("0"))
    #expect(id["max"] == .string("2"))
    #expect(id["null_count"] == .string("0"))
  }
}

import DuckDB
import Testing

struct StatementTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
  }

  private func answer(
    _ sql: String, named values: [String: DuckDBValue]
  ) throws -> [[DuckDBValue]] {
    let statement = try connection.prepare(sql)
    try statement.bind(named: values)
    return try statement.execute().readTable().rows
  }

  @Test func `positional parameters are bound in order`() throws {
    for sql in ["SELECT ? - ?", "SELECT $1 - $2"] {
      #expect(try connection.query(sql, [.int64(9), .int64(4)]).rows == [[.int64(5)]])
    }
    #expect(try connection.query("SELECT $2 - $1", [.int64(9), .int64(4)]).rows == [[.int64(-5)]])
    #expect(try connection.query("SELECT $1 + $1", [.int64(4)]).rows == [[.int64(8)]])
  }

  @Test func `named parameters ignore case and may repeat in the text`() throws {
    let statement = try connection.prepare("SELECT $Low + $low + $high")
    #expect(statement.parameterCount == 2)
    #expect(statement.parameterNames.map { $0.lowercased() } == ["low", "high"])
    #expect(
      try answer("SELECT $Low + $high", named: ["LOW": .int64(1), "High": .int64(2)])
        == [[.int64(3)]])
  }

  @Test(arguments: [
    ["a": DuckDBValue.int64(1)], ["a": .int64(1), "b": .int64(2), "c": .int64(3)],
    ["a": .int64(1), "A": .int64(2)], [:],
  ])
  func `missing, unknown and doubled names are parameter errors`(values: [String: DuckDBValue]) {
    let error = #expect(throws: DuckDBError.self) {
      try answer("SELECT $a + $b", named: values)
    }
    #expect(error?.kind == .parameter)
  }

  @Test(arguments: [[], [DuckDBValue.int64(1)], [.int64(1), .int64(2), .int64(3)]])
  func `a wrong number of positional values is a parameter error`(values: [DuckDBValue]) {
    let error = #expect(throws: DuckDBError.self) {
      try connection.query("SELECT ? + ?", values)
    }
    #expect(error?.kind == .parameter)
  }

  @Test func `a list of values does not fit named parameters, nor names positional ones`() {
    let forNames = #expect(throws: DuckDBError.self) {
      try connection.query("SELECT $a", [.int64(1)])
    }
    #expect(forNames?.kind == .parameter)
    let forPositions = #expect(throws: DuckDBError.self) {
      try answer("SELECT ?", named: ["a": .int64(1)])
    }
    #expect(forPositions?.kind == .parameter)
  }

  @Test func `a parameter without a value is refused at execution`() throws {
    let statement = try connection.prepare("SELECT $a::INTEGER")
    let error = #expect(throws: DuckDBError.self) { try statement.execute() }
    #expect(error?.kind == .parameter || error?.kind == .invalidInput)
    #expect(throws: DuckDBError.self) { try statement.bind(.null, at: 2) }
    #expect(throws: DuckDBError.self) { try statement.bind(.null, at: 0) }
  }

  @Test(arguments: [
    DuckDBValue.null, .bool(true), .int64(.min), .uint64(.max), .hugeint(.min), .hugeint(-1),
    .uhugeint(.max), .float(1.5), .double(-0.1), .string(""), .string("a\0b ü 🦆"), .blob([]),
    .blob([0, 255, 0]), .date(days: -1), .time(microseconds: 1), .timeNanoseconds(7),
    .timeWithTimeZone(microseconds: 3_600_000_000, offsetSeconds: -3_600),
    .timestamp(microseconds: -1), .timestampWithTimeZone(microseconds: 1), .timestampNanoseconds(1),
    .timestampWithTimeZoneNanoseconds(5), .interval(months: 1, days: -2, microseconds: 3),
    .uuid(0x1234_5678_9ABC_DEF0_1234_5678_9ABC_DEF0), .uuid(.max),
    .decimal(unscaled: -12_345, width: 9, scale: 2),
    .list([.int64(1), .null, .int64(3)]), .list([]), .list([.list([.string("x")]), .list([])]),
    .struct([.init("a", .int64(1)), .init("b c", .list([.bool(false)]))]),
  ])
  func `a value passes through a parameter unchanged`(value: DuckDBValue) throws {
    #expect(try connection.query("SELECT $1", [value]).rows == [[value]])
    // A value within a list keeps its bits as well.
    #expect(try connection.query("SELECT $1[1]", [.list([value])]).rows == [[value]])
  }

  @Test func `elements of a list get a common type without loss`() throws {
    let mixed = DuckDBValue.list([.int64(-1), .uint64(.max), .null])
    #expect(
      try connection.query("SELECT $1", [mixed]).rows
        == [[.list([.hugeint(-1), .hugeint(Int128(UInt64.max)), .null])]])
    #expect(
      try connection.query("SELECT $1", [.list([.int64(1), .double(0.5)])]).rows
        == [[.list([.double(1), .double(0.5)])]])
    let objects = DuckDBValue.list([
      .struct([.init("a", .null)]), .struct([.init("a", .int64(2))]),
    ])
    #expect(try connection.query("SELECT $1", [objects]).rows == [[objects]])
  }

  @Test(arguments: [
    DuckDBValue.list([.int64(1), .string("x")]), .struct([]),
    .struct([.init("a", .null), .init("A", .null)]), .struct([.init("", .null)]),
    .struct([.init("a\0b", .null)]), .map([]),
    .list([.struct([.init("a", .null)]), .struct([.init("b", .null)])]),
  ])
  func `a value that has no type is a parameter error`(value: DuckDBValue) {
    let error = #expect(throws: DuckDBError.self) { try connection.query("SELECT $1", [value]) }
    #expect(error?.kind == .parameter)
  }

  @Test func `lists work in ANY and IN, strings cast where a type is expected`() throws {
    try connection.execute(
      "CREATE TABLE t AS SELECT i::INTEGER AS i, DATE '2024-01-01' + i::INTEGER AS d FROM range(9) r(i)"
    )
    let wanted = DuckDBValue.list([.int64(2), .int64(5), .int64(100)])
    for condition in ["i = ANY($1)", "i IN $1", "list_contains($1, i)"] {
      #expect(
        try connection.query("SELECT i FROM t WHERE \(condition) ORDER BY i", [wanted]).rows
          == [[.int64(2)], [.int64(5)]], "\(condition)")
    }
    #expect(
      try connection.query("SELECT i FROM t WHERE d = $1", [.string("2024-01-04")]).rows
        == [[.int64(3)]])
    #expect(try connection.query("SELECT i FROM t WHERE i = ANY($1)", [.list([])]).rows.isEmpty)
  }

  @Test func `a statement runs again with other values`() throws {
    let statement = try connection.prepare("SELECT $1 * 2")
    for number in Int64(0)..<5 {
      try statement.bind(positional: [.int64(number)])
      #expect(try statement.execute().readTable().rows == [[.int64(number * 2)]])
    }
  }

  @Test(arguments: [
    ("SELECT 1", DuckDBStatementKind.select), ("EXPLAIN SELECT 1", .explain),
    ("CREATE TABLE x (i INT)", .create), ("COPY (SELECT 1) TO '/x'", .copy),
    ("SET threads = 1", .set), ("ATTACH ':memory:' AS m", .attach),
    ("INSERT INTO t VALUES (1)", .insert),
  ])
  func `a statement tells its kind`(sql: String, kind: DuckDBStatementKind) throws {
    try connection.execute("CREATE TABLE t (i INTEGER)")
    #expect(try connection.prepare(sql).kind == kind)
  }

  @Test func `column names are known before execution, doubled ones too`() throws {
    let statement = try connection.prepare("SELECT 1 AS a, 2 AS a, 'x' AS \"b\"\"c\"")
    #expect(statement.columnNames == ["a", "a", "b\"c"])
    #expect(try statement.execute().columns.map(\.name) == ["a", "a", "b\"c"])
    #expect(try statement.execute().columns.map(\.type) == [.integer, .integer, .varchar])
  }

  @Test func `several statements cannot be prepared as one`() {
    #expect(throws: DuckDBError.self) { try connection.prepare("SELECT 1; SELECT 2") }
  }
}

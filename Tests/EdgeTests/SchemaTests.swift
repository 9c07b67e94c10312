import Edge
import Model
import SimdJSON
import Testing

@Suite struct SchemaTests {
  private func schema(_ text: String) throws -> TableSchema {
    try TableSchema(json: JSONValue(parsing: Array(text.utf8)))
  }

  private func column(_ members: String) throws -> ColumnDefinition {
    try schema("{\"columns\":[{\"name\":\"x\",\(members)}]}").columns[0]
  }

  @Test(arguments: [
    ("int", ColumnType.integer), ("INT8", .bigint), ("Text", .varchar), ("string", .varchar),
    ("double  precision", .double), ("numeric", .decimal(precision: 18, scale: 3)),
    ("DECIMAL(10)", .decimal(precision: 10, scale: 0)),
    ("numeric ( 10 , 2 )", .decimal(precision: 10, scale: 2)),
    ("timestamp with time zone", .timestampTZ), ("TIMESTAMPTZ", .timestampTZ),
    ("datetime", .timestamp), ("bytea", .blob), ("json", .json), ("uint64", .ubigint),
    ("real", .float), ("bool", .boolean), ("uuid", .uuid), ("date", .date), ("time", .time),
    ("timestamp_s", .timestampS), ("TIMESTAMP_MS", .timestampMS), ("timestamp_ns", .timestampNS),
    ("int[]", .list(.integer)),
    (" decimal(4, 1) [ ] []", .list(.list(.decimal(precision: 4, scale: 1)))),
    ("map(text, double precision)", .map(key: .varchar, value: .double)),
    (
      "MAP ( UUID , MAP(int,json)[] )",
      .map(key: .uuid, value: .list(.map(key: .integer, value: .json)))
    ),
    ("struct(a int)", .structure([StructureField(name: "a", type: .integer)])),
    (
      "ROW(\"A\" numeric(3,1), end timestamp with time zone,\n value STRUCT(\"a\" int[])[])",
      .structure([
        StructureField(name: "A", type: .decimal(precision: 3, scale: 1)),
        StructureField(name: "end", type: .timestampTZ),
        StructureField(
          name: "value",
          type: .list(.structure([StructureField(name: "a", type: .list(.integer))]))),
      ])
    ),
  ])
  func readsSQLSpellings(_ spelling: String, _ type: ColumnType) throws {
    #expect(try ColumnType(sql: spelling) == type)
  }

  @Test func everyTypeReadsBackFromItsOwnNames() throws {
    for type in LiteralGenerator.allTypes + [.decimal(precision: 38, scale: 38)] {
      #expect(try ColumnType(sql: type.sqlName) == type)
      #expect(ScalarType(duckLakeName: type.duckLakeName).map { .scalar($0) } == type)
    }
    #expect(ScalarType(duckLakeName: "int128") == nil)
    #expect(ScalarType(duckLakeName: "interval") == nil)
    var generator = LiteralGenerator(random: SeededGenerator(seed: 7))
    for _ in 0..<500 {
      let type = generator.type()
      #expect(try ColumnType(sql: type.sqlName) == type)
    }
  }

  @Test(arguments: [
    "[]", "INTEGER]", "INTEGER[", "INTEGER[][", "STRUCT", "STRUCT()", "STRUCT(a)",
    "STRUCT(a INTEGER",
    "STRUCT(a INTEGER))", "STRUCT(a INTEGER, A TEXT)", "STRUCT(a b INTEGER)", "STRUCT(1a INTEGER)",
    "STRUCT(\"a b\" INTEGER)", "STRUCT(\"a INTEGER)", "STRUCT(__duckdb_field_id INTEGER)",
    "STRUCT(_dl_x INTEGER)", "STRUCT(a INTEGER,)", "MAP", "MAP()", "MAP(VARCHAR)",
    "MAP(VARCHAR, INTEGER, INTEGER)", "MAP(DOUBLE, INTEGER)", "MAP(VARCHAR[], INTEGER)",
    "MAP(DECIMAL(4,1), INTEGER)", "LIST(INTEGER)", "HUGEINT[]", "STRUCT(a INTERVAL)",
    "MAP(VARCHAR, BIT)",
    "INTEGER" + String(repeating: "[]", count: 17), "STRUCT(a INTEGER) x", "STRUCT<a INTEGER>",
    String(repeating: "STRUCT(a ", count: 17) + "INTEGER" + String(repeating: ")", count: 17),
    "STRUCT(" + String(repeating: "(", count: 5_000),
  ])
  func refusesNestedTypesThatAreNotWrittenAsTheyShouldBe(_ spelling: String) {
    #expect(throws: ColumnTypeError.self) { try ColumnType(sql: spelling) }
  }

  @Test func nestingIsBounded() throws {
    let deepest = "INTEGER" + String(repeating: "[]", count: ColumnType.maxNesting)
    #expect(try ColumnType(sql: deepest).columnCount == ColumnType.maxNesting + 1)
    #expect(throws: ColumnTypeError.tooDeep) { try ColumnType(sql: deepest + "[]") }
  }

  @Test func fieldsOfNestedColumnsCountAsColumns() throws {
    func schema(fields: Int) throws -> TableSchema {
      let list = (0..<fields).map { "f\($0) INT" }.joined(separator: ", ")
      return try self.schema(
        "{\"columns\":[{\"name\":\"a\",\"type\":\"STRUCT(\(list))\"}]}")
    }
    #expect(try schema(fields: TableSchema.maxColumns - 1).columns.count == 1)
    #expect(throws: SchemaError.tooManyColumns) { try schema(fields: TableSchema.maxColumns) }
  }

  @Test(arguments: [
    "HUGEINT", "uhugeint", "INTERVAL", "TIMETZ", "TIME_NS", "TIMESTAMPTZ_NS", "BIT", "ENUM('a')",
    "INT[3]", "DECIMAL(4,1)[2]", "VARIANT", "GEOMETRY", "UNION(a INTEGER)",
  ])
  func refusesTypesThatTheLakeCannotHoldWithAdvice(_ spelling: String) {
    #expect(
      performing: { try ColumnType(sql: spelling) },
      throws: { error in
        if case ColumnTypeError.unsupported = error { true } else { false }
      })
  }

  @Test(arguments: [
    "", "INTEGR", "DECIMAL(0)", "DECIMAL(39)", "DECIMAL(4,5)", "DECIMAL(4,-1)", "DECIMAL(a)",
    "DECIMAL(1,2,3)", "DECIMAL()", "DECIMAL(4", "VARCHAR(20)", "INTEGER; DROP TABLE x",
    "DECIMAL(٤)", String(repeating: "X", count: 100),
  ])
  func refusesWhatIsNoType(_ spelling: String) {
    #expect(throws: ColumnTypeError.self) { try ColumnType(sql: spelling) }
  }

  @Test(arguments: ["a", "A_1", "_", "_x", String(repeating: "n", count: 63)])
  func takesNames(_ name: String) throws {
    try Names.checkTable(name)
    try Names.checkColumn(name)
  }

  @Test(arguments: [
    "", "1a", "a-b", "a b", "é", "a\"", "a\u{301}", "_ducklake_x", "_DUCKLAKE", "_dl", "_DLx",
    String(repeating: "n", count: 64), "a\0",
  ])
  func refusesNames(_ name: String) {
    #expect(throws: NameError.self) { try Names.checkTable(name) }
    #expect(throws: NameError.self) { try Names.checkColumn(name) }
  }

  @Test func virtualColumnsAreReservedForColumnsAlone() throws {
    for name in ["filename", "FILE_ROW_NUMBER", "File_Index"] {
      #expect(throws: NameError.reserved(.column)) { try Names.checkColumn(name) }
      try Names.checkTable(name)
    }
  }

  @Test func tenantsHaveTheirOwnRules() throws {
    for name in ["a", "0", "a-b_c", String(repeating: "t", count: 63)] {
      try Names.checkTenant(name)
    }
    for name in ["", "-a", "_a", "A", "main", "information_schema", "pg_catalog", "a.b", "é"] {
      #expect(throws: NameError.self) { try Names.checkTenant(name) }
    }
  }

  @Test func readsAndWritesTheContractsForm() throws {
    let text = """
      {"columns":[{"name":"a","type":"BIGINT","nullable":false,"default":5},\
      {"name":"b","type":"VARCHAR","nullable":true,"default":"it's"},\
      {"name":"c","type":"DECIMAL(5,2)","nullable":true,"default":"1.5"},\
      {"name":"d","type":"TIMESTAMP WITH TIME ZONE","nullable":true,\
      "default":"2024-01-01T00:00:00.000000Z"},\
      {"name":"e","type":"JSON","nullable":true,"default":{"k":[1]}},\
      {"name":"f","type":"BOOLEAN","nullable":true,"default":true}]}
      """
    let schema = try schema(text)
    var writer = JSONWriter()
    schema.write(to: &writer)
    #expect(writer.text == text)
    #expect(
      schema.columns.map { $0.defaultValue?.catalogText } == [
        "5", "it's", "1.5", "2024-01-01 00:00:00.000000+00", "{\"k\":[1]}", "true",
      ])
  }

  @Test func defaultsAreHeldAgainstTheType() throws {
    #expect(try column("\"type\":\"INT\",\"default\":5.0").defaultValue?.catalogText == "5")
    #expect(try column("\"type\":\"INT\",\"default\":null").defaultValue == nil)
    for members in [
      "\"type\":\"INT\",\"default\":\"5\"", "\"type\":\"DATE\",\"default\":\"2023-02-29\"",
      "\"type\":\"BLOB\",\"default\":\"AA==\"", "\"type\":\"VARCHAR\",\"default\":\"NULL\"",
      "\"type\":\"VARCHAR\",\"default\":[1]", "\"type\":\"INT[]\",\"default\":[1]",
      "\"type\":\"STRUCT(a INT)\",\"default\":{}", "\"type\":\"MAP(TEXT,INT)\",\"default\":\"{}\"",
      "\"type\":\"VARCHAR\",\"default\":\"a\\u0000\"",
    ] {
      #expect(throws: SchemaError.self, "\(members)") { try column(members) }
    }
  }

  @Test(arguments: [
    "[]", "{}", "{\"columns\":{}}", "{\"columns\":[]}", "{\"columns\":[1]}",
    "{\"columns\":[{\"name\":\"a\"}]}", "{\"columns\":[{\"type\":\"INT\"}]}",
    "{\"columns\":[{\"name\":\"a\",\"type\":\"INT\",\"nullabel\":true}]}",
    "{\"columns\":[{\"name\":\"a\",\"type\":\"INT\",\"nullable\":1}]}",
    "{\"columns\":[{\"name\":\"a\",\"type\":\"INT\"},{\"name\":\"A\",\"type\":\"INT\"}]}",
    "{\"columns\":[{\"name\":\"filename\",\"type\":\"INT\"}]}",
    "{\"columns\":[{\"name\":\"a\",\"type\":\"INT\"}],\"x\":1}",
  ])
  func refusesOtherForms(_ text: String) throws {
    #expect(throws: SchemaError.self) { try schema(text) }
  }

  @Test func anEventTimeColumnIsATimestamp() throws {
    let schema = try schema(
      "{\"columns\":[{\"name\":\"a\",\"type\":\"DATE\"},{\"name\":\"b\",\"type\":\"TIMESTAMPTZ\"}]}"
    )
    try schema.checkEventTimeColumn("b")
    #expect(throws: SchemaError.eventTimeColumn("a")) { try schema.checkEventTimeColumn("a") }
    #expect(throws: SchemaError.eventTimeColumn("c")) { try schema.checkEventTimeColumn("c") }
  }

  @Test func quotesInSQLAreDoubledEvenBeforeACombiningMark() {
    #expect(SQLText.literal("a'b") == "'a''b'")
    #expect(Array(SQLText.literal("'\u{301}").utf8) == Array("'''\u{301}'".utf8))
    #expect(Array(SQLText.identifier("\"\u{301}").utf8) == Array("\"\"\"\u{301}\"".utf8))
  }
}

import DuckDB
import Testing

struct ErrorTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
    try connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s VARCHAR)")
    try connection.execute("INSERT INTO t VALUES (1, 'x')")
  }

  private func failure(_ sql: String) throws -> DuckDBError {
    try #require(#expect(throws: DuckDBError.self) { try connection.query(sql) })
  }

  @Test(arguments: [
    ("SELEC 1", DuckDBError.Kind.parser), ("SELECT nope FROM t", .binder),
    ("SELECT * FROM no_such_table", .catalog), ("SELECT no_such_function(1)", .catalog),
    ("INSERT INTO t VALUES (1, 'again')", .constraint), ("SELECT s::INTEGER FROM t", .conversion),
    ("SELECT (i + 9223372036854775806)::BIGINT + 9 FROM t", .outOfRange),
    ("SELECT error(s) FROM t", .invalidInput),
    ("FROM read_parquet('/nowhere/x.parquet')", .io), ("ROLLBACK", .transaction),
    ("SELECT 300::TINYINT", .conversion),
    ("SELECT 2 ** 9223372036854775807::HUGEINT ::TINYINT FROM t", .conversion),
    ("SET no_such_setting = 1", .catalog), ("LOAD no_such_extension", .io),
  ])
  func `a failure has its class, at preparing and at running`(
    sql: String, kind: DuckDBError.Kind
  ) throws {
    #expect(try failure(sql).kind == kind)
  }

  @Test func `a forbidden file is a permission error`() throws {
    try connection.execute("SET enable_external_access = false")
    #expect(try failure("FROM read_csv('/etc/passwd')").kind == .permission)
  }

  @Test func `too much memory is out of memory, and the connection lives on`() throws {
    let instance = try DuckDBInstance(
      .init(memoryLimitBytes: 20_000_000, settings: ["temp_directory": ""]))
    let connection = try instance.connect()
    let error = #expect(throws: DuckDBError.self) {
      try connection.execute(
        "CREATE TABLE big AS SELECT i, i::VARCHAR || 'some text' AS s FROM range(20000000) r(i)")
    }
    #expect(error?.kind == .outOfMemory)
    #expect(error?.scrubbedMessage.contains("SET") == false)
    #expect(try connection.query("SELECT 1").rows == [[.int64(1)]])
  }

  @Test(arguments: [
    "FROM read_parquet('/secret/tenant one/x.parquet')", "FROM read_parquet('secret/x.parquet')",
    "FROM 'secret.parquet'", "FROM read_csv('/secret')", "COPY t TO '/secret/no/such/folder'",
    "ATTACH '/secret/a.db'", "FROM read_parquet(['/secret/1', '/secret/2'])",
    "LOAD '/secret/e.duckdb_extension'",
    "FROM glob('/secret/*') JOIN read_json('/secret/j') ON true",
  ])
  func `the client's text never holds a path`(sql: String) throws {
    let error = try failure(sql)
    #expect(error.message.contains("secret"))
    #expect(!error.scrubbedMessage.contains("secret"))
    #expect(!"\(error)".contains("secret"))
    #expect(!error.scrubbedMessage.isEmpty)
  }

  @Test func `the client's text never holds the text of a view`() throws {
    try connection.execute("CREATE VIEW hidden_view AS SELECT s::INTEGER AS hidden_column FROM t")
    for sql in [
      "SELECT hidden_column FROM hidden_view", "SELECT hidden_column + 1 FROM hidden_view",
    ] {
      let error = try failure(sql)
      #expect(error.kind == .conversion)
      #expect(!error.scrubbedMessage.contains("LINE"))
      #expect(!error.scrubbedMessage.contains("hidden"))
      #expect(error.scrubbedMessage.contains("'x'"))
    }
  }

  @Test(arguments: [
    (
      "IO Error: Cannot open file \"/a b/c d.parquet\": No such file",
      "IO Error: Cannot open file \"<redacted>\": No such file"
    ),
    (
      "IO Error: Can't open file '/a b/c' for 'x'", "IO Error: Can't open file '<redacted>' for 'x'"
    ),
    ("IO Error: failed at /data/x: gone", "IO Error: failed at <redacted> gone"),
    ("IO Error: a/b/c.parquet is bad", "IO Error: <redacted> is bad"),
    ("IO Error: x.PARQUET, y.parquet", "IO Error: <redacted>, <redacted>"),
    ("IO Error: s3://bucket/key missing", "IO Error: <redacted> missing"),
    ("IO Error: '/an unclosed quote/file", "IO Error: '<redacted> unclosed <redacted>"),
    (
      "Conversion Error: Could not convert string '1/2/2024' to DATE",
      "Conversion Error: Could not convert string '1/2/2024' to DATE"
    ),
    (
      "Binder Error: No function matches '/(VARCHAR, INTEGER)'",
      "Binder Error: No function matches '/(VARCHAR, INTEGER)'"
    ),
    ("Binder Error: a\n\nLINE 1: SELECT 1\n  ^", "Binder Error: a"),
    ("Parser Error: plain", "Parser Error: plain"),
  ])
  func `what looks like a path is redacted and the rest stays`(raw: String, expected: String) {
    #expect(DuckDBError(kind: .io, message: raw).scrubbedMessage == expected)
  }

  @Test(arguments: [DuckDBError.Kind.internal, .fatal, .dataCorruption, .outOfMemory])
  func `errors of the engine itself say nothing of their text`(kind: DuckDBError.Kind) {
    let error = DuckDBError(kind: kind, message: "INTERNAL Error: secret\n\nStack Trace:\n0x1")
    #expect(!error.scrubbedMessage.contains("secret"))
    #expect(error.endsInstance == (kind == .fatal || kind == .dataCorruption))
  }

  @Test func `a huge value in an error is cut at a character`() {
    for padding in 0..<4 {
      let raw =
        "Conversion Error: " + String(repeating: "x", count: padding)
        + String(repeating: "🦆", count: 10_000)
      let text = DuckDBError(kind: .conversion, message: raw).scrubbedMessage
      #expect(text.utf8.count <= DuckDBError.scrubbedMessageLimitBytes + 3)
      #expect(!text.contains("\u{FFFD}"))
      #expect(text.hasSuffix("🦆…"))
    }
  }
}

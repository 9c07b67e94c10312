import ControlTool
import Testing

@Suite("Commands")
struct CommandTests {
  @Test("help names every command and exit code, and each command explains itself")
  func help() async throws {
    let tool = try await runTool(["--help"])
    #expect(tool.exitCode == .done)
    for code in ExitCode.allCases { #expect(tool.output.contains("  \(code.rawValue) ")) }
    for command in [
      "ingest", "query", "tables list", "tables get", "tables create", "tables alter",
      "tables schemas", "tables delete", "lag", "health", "ready", "version",
    ] {
      #expect(tool.output.contains("  " + command))
      let words = command.split(separator: " ").map(String.init)
      let help = try await runTool(words + ["--help"])
      #expect(help.exitCode == .done)
      #expect(help.output.contains("Usage: duckmeshctl " + command))
      let other = try await runTool(["help"] + words)
      #expect(other.output == help.output)
      #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 125 })
    }
  }

  @Test(
    "a wrong command line exits 2 and says what is wrong",
    arguments: [
      (["tabels"], "did you mean tables?"),
      (["tables", "creat", "x"], "did you mean tables create?"),
      (["query"], "query takes SQL|-"), (["query", "a", "b"], "query takes SQL|-"),
      (["query", "a", "--fromat", "csv"], "did you mean --format?"),
      (["query", "a", "--format", "xml"], "one of: table, csv, json, ndjson, arrow, parquet"),
      (["query", "a", "--min-token", "-1"], "--min-token takes a whole number"),
      (["query", "a", "--min-token", "1", "--snapshot", "2"], "exclude each other"),
      (["query", "a", "--quiet=yes"], "takes no value"),
      (["query", "a", "--param"], "needs a value"),
      (["query", "a", "--param", "x"], "NAME=VALUE"),
      (["query", "a", "--at", "1", "--at", "2"], "given twice"),
      (["lag", "--url", "ftp://x"], "http:// or https://"),
      (["lag", "--url", "http://u:p@127.0.0.1/"], "not a plain http"),
      (["lag", "--tenant", "a\nb"], "characters that a header cannot"),
      (["tables", "create", "t"], "needs --column or --schema"),
      (["tables", "create", "t", "--column", "x"], "NAME TYPE"),
      (["ingest", "t", "f", "--delimiter", "ab"], "one character"),
      (["ingest", "t", "f", "--no-header"], "needs --columns"),
      (["ingest", "t", "f", "--concurrency", "65"], "1 to 64"),
      (["ingest", "t", "f.ndjson", "--create"], "CSV file"), ([], "a command is needed"),
      (["--frobnicate"], "no option --frobnicate"),
    ])
  func usage(arguments: [String], expected: String) async throws {
    let outcome = try await runTool(arguments)
    #expect(outcome.exitCode == .usage)
    #expect(outcome.errors.contains(expected), "\(outcome.errors)")
    #expect(outcome.errors.contains("--help"))
    #expect(outcome.output.isEmpty)
  }

  @Test("a server that does not answer gives exit code 3")
  func unreachable() async throws {
    let outcome = try await runTool(["health"], url: "http://127.0.0.1:9")
    #expect(outcome.exitCode == .unreachable)
    #expect(outcome.errors.contains("cannot be reached"))
  }

  @Test("a server that is not ready is shown part by part, with exit code 1")
  func notReady() async throws {
    let outcome = try await FakeMesh().serve { url in try await runTool(["ready"], url: url) }
    #expect(outcome.exitCode == .refused)
    #expect(outcome.output == "checks.catalog  failed\n")
  }

  @Test("a table is made from columns, shown, and a second one of the name refused")
  func tables() async throws {
    let mesh = FakeMesh()
    try await mesh.serve { url in
      let arguments = [
        "tables", "create", "visits", "--column", "at TIMESTAMPTZ not null", "--column", "n BIGINT",
      ]
      let first = try await runTool(arguments, url: url)
      #expect(first.output == "created visits\n")
      let second = try await runTool(arguments, url: url)
      #expect(second.exitCode == .refused)
      #expect(second.errors.contains("TABLE_EXISTS (409)"))
      let shown = try await runTool(["tables", "get", "visits"], url: url)
      #expect(shown.output.contains("at     │ TIMESTAMPTZ │ no"))
      #expect(shown.output.contains("n      │ BIGINT      │ yes"))
    }
  }

  @Test("--schema takes the columns from standard input")
  func schemaFile() async throws {
    let mesh = FakeMesh()
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["tables", "create", "t", "--schema", "-"], url: url,
        input: #"{"columns":[{"name":"a","type":"JSON"}]}"#)
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(mesh.schemas["t"]?["columns"]?.array?.first?["type"]?.text == "JSON")
  }

  @Test("a query's options become its request")
  func request() async throws {
    let mesh = FakeMesh()
    let outcome = try await mesh.serve { url in
      try await runTool(
        [
          "query", "-", "--format", "json", "--min-token", "9007199254740993", "--param", "a=UA",
          "--param", "b=7", "--timeout-ms", "500", "--row-limit", "3", "--time-zone", "Asia/Tokyo",
        ], url: url, input: "SELECT 1")
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(
      mesh.queries.first?.compactText
        == #"{"sql":"SELECT 1","params":{"a":"UA","b":7},"min_visibility_token":9007199254740993,"#
        + #""row_limit":3,"timeout_ms":500,"time_zone":"Asia/Tokyo"}"#)
  }

  @Test("rows are a table on a terminal: exact numbers, NULL, and no escape gets through")
  func tableFormat() async throws {
    let outcome = try await FakeMesh().serve { url in
      try await runTool(["query", "SELECT 1"], url: url, isTerminal: true)
    }
    #expect(
      outcome.output == """
                        n │ s
        ──────────────────┼────────────
         9007199254740993 │ a\\u{1B}[2J
                     NULL │ NULL
        (2 rows; snapshot 42)

        """)
  }

  @Test("rows are CSV elsewhere, and a cut result is said on standard error")
  func csvFormat() async throws {
    let outcome = try await FakeMesh().serve { url in
      try await runTool(["query", "SELECT 1"], url: url)
    }
    #expect(outcome.exitCode == .done)
    #expect(outcome.output == "n,s\r\n1,a\r\n")
    #expect(outcome.errors.contains("row limit"))
  }

  @Test("nobody reading the output ends the command with its own exit code and no message")
  func outputClosed() async throws {
    let outcome = try await FakeMesh().serve { url in
      try await runTool(["query", "SELECT 1"], url: url, outputIsClosed: true)
    }
    #expect(outcome.exitCode == .outputClosed)
    #expect(!outcome.errors.contains("duckmeshctl:"))
  }
}

import ControlTool
import Foundation
import HTTPServer
import Testing

/// `query --output`, and the forms that a terminal cannot show.
@Suite struct QueryFileTests {
  private static func withFolder(_ body: (String) async throws -> Void) async throws {
    let path = NSTemporaryDirectory() + "/query-file-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(path)
  }

  /// A server that answers with what was asked for in `Accept`, whole or cut off.
  private static func serve(
    breaksOff: Bool = false, status: Int = 200,
    _ body: (String) async throws -> ToolOutcome
  ) async throws -> ToolOutcome {
    let hooks = HTTPServerHooks(handler: { request in
      guard status == 200 else {
        return HTTPResponse(
          status: status, body: Array(#"{"error_code": "INVALID_SQL", "message": "no"}"#.utf8))
      }
      let accept = request.headers["Accept"] ?? ""
      return HTTPResponse(
        status: 200, fields: [.init("Content-Type", accept)],
        trailerNames: ["X-DuckMesh-Truncated"]
      ) { stream in
        guard await stream.write(Array(accept.utf8)) else { return }
        guard !breaksOff else { return stream.abort() }
        stream.finish(trailers: [.init("X-DuckMesh-Truncated", "false")])
      }
    })
    let server = try HTTPServer(options: HTTPServerOptions(), hooks: hooks)
    do {
      let outcome = try await body("http://127.0.0.1:\(server.port)")
      _ = await server.stopNow()
      return outcome
    } catch {
      _ = await server.stopNow()
      throw error
    }
  }

  @Test(arguments: [
    ("rows.csv", "text/csv"), ("rows.ndjson", "application/x-ndjson"),
    ("rows.JSONL", "application/x-ndjson"), ("rows.parquet", "application/vnd.apache.parquet"),
    ("rows.arrow", "application/vnd.apache.arrow.stream"), ("rows", "text/csv"),
    ("rows.json", "application/json"),
  ])
  func aFilesEndingTellsItsFormat(name: String, mediaType: String) async throws {
    try await Self.withFolder { folder in
      let outcome = try await Self.serve { url in
        try await runTool(["query", "SELECT 1", "--output", "\(folder)/\(name)"], url: url)
      }
      #expect(outcome.exitCode == .done, "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
      let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
      #expect(text == mediaType + (name.hasSuffix(".json") ? "\n" : ""))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [name])
    }
  }

  @Test func theFormatThatIsAskedForGoesBeforeTheEnding() async throws {
    try await Self.withFolder { folder in
      let outcome = try await Self.serve { url in
        try await runTool(
          ["query", "SELECT 1", "--output", "\(folder)/x.csv", "--format", "parquet"], url: url)
      }
      #expect(outcome.exitCode == .done)
      #expect(
        try String(contentsOfFile: "\(folder)/x.csv", encoding: .utf8)
          == "application/vnd.apache.parquet")
    }
  }

  @Test(arguments: [true, false])
  func anAnswerThatIsNotWholeLeavesWhatWasThereBefore(breaksOff: Bool) async throws {
    try await Self.withFolder { folder in
      let path = folder + "/rows.parquet"
      try "before".write(toFile: path, atomically: true, encoding: .utf8)
      let outcome = try await Self.serve(breaksOff: breaksOff, status: breaksOff ? 200 : 400) {
        try await runTool(["query", "SELECT 1", "--output", path], url: $0)
      }
      #expect(outcome.exitCode == (breaksOff ? .unreachable : .refused))
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "before")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["rows.parquet"])
    }
  }

  @Test func binaryFormsGoToPipesAndNotToTerminals() async throws {
    for format in ["arrow", "parquet"] {
      let piped = try await Self.serve {
        try await runTool(["query", "SELECT 1", "--format", format], url: $0)
      }
      #expect(piped.output.contains(format) && piped.exitCode == .done)
      let shown = try await runTool(["query", "SELECT 1", "--format", format], isTerminal: true)
      #expect(shown.exitCode == .usage && shown.errors.contains("--output FILE"))
    }
    let table = try await runTool(
      ["query", "SELECT 1", "--format", "table", "--output", "/nonexistent/x"])
    #expect(table.exitCode == .usage)
  }

  @Test func aFileThatCannotBeMadeIsSaidBeforeTheQueryIsSent() async throws {
    let outcome = try await runTool(["query", "SELECT 1", "--output", "/nonexistent/x.csv"])
    #expect(outcome.exitCode == .badInput && outcome.errors.contains("No such file"))
  }
}

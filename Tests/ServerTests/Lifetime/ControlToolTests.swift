import Glibc
import Testing

/// `duckmeshctl` against the real server.
@Suite(.sharedServer()) struct ControlToolOnServerTests {
  private struct Run {
    let code: ChildProcess.Ending
    let output: String
    let errors: String
  }

  private static func run(
    _ arguments: String..., url: String? = nil, folder: TemporaryFolder
  ) async throws -> Run {
    let name = "run-\(arguments.hashValue)-\(UInt64.random(in: 0 ... .max))"
    let child = try await ChildProcess(
      ServerProcess.program("duckmeshctl"), arguments,
      environment: ["DUCKMESH_URL": url ?? ServerProcess.shared.address],
      output: "\(folder.path)/\(name).out", errorOutput: "\(folder.path)/\(name).err")
    return Run(
      code: await child.end(), output: folder.read(name + ".out"),
      errors: folder.read(name + ".err"))
  }

  @Test func aFileIsIngestedOnce() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      "id,name,when,amount\n1,a,2024-01-01T00:00:00Z,1.5\n2,NA,2024-01-02T00:00:00Z,2.25\n3,\"c,d\",NA,3\n",
      to: "visits.csv")
    let first = try await Self.run(
      "ingest", "visits", file, "--create", "--null", "NA", folder: folder)
    #expect(first.code == .exited(0), "\(first.errors)")
    #expect(first.output.contains("accepted       3") && first.output.contains("duplicates     0"))
    let again = try await Self.run("ingest", "visits", file, "--null", "NA", folder: folder)
    #expect(again.code == .exited(0), "\(again.errors)")
    #expect(again.output.contains("accepted       0") && again.output.contains("duplicates     3"))
    let sql = "SELECT id, name, amount FROM visits ORDER BY id"
    let table = try await Self.run("query", sql, "--format", "csv", folder: folder)
    #expect(table.code == .exited(0) && table.output.contains("3,\"c,d\",3"), "\(table.output)")
    let json = try await Self.run("query", sql, "--format", "ndjson", folder: folder)
    #expect(json.output.contains(#""name":null"#), "\(json.output)")
    let aligned = try await Self.run("query", sql, folder: folder)
    #expect(aligned.code == .exited(0) && aligned.output.contains("amount"))
    let types = try await ServerProcess.shared.client().query("SELECT * FROM visits")
    #expect(
      types["types"]?.compactText
        == #"["BIGINT","VARCHAR","TIMESTAMP WITH TIME ZONE","DOUBLE"]"#)
  }

  @Test func aTableIsMadeFromASampleAndAltered() async throws {
    let folder = try TemporaryFolder()
    let sample = try folder.write(
      #"{"id": 1, "at": "2024-02-29T12:00:00Z"}"# + "\n" + #"{"id": 2, "note": "x"}"# + "\n",
      to: "sample.ndjson")
    let proposal = try await Self.run(
      "tables", "create", "sampled", "--sample", sample, "--dry-run", folder: folder)
    #expect(proposal.code == .exited(0) && proposal.output.contains("BIGINT"), "\(proposal)")
    let made = try await Self.run(
      "tables", "create", "sampled", "--sample", sample, folder: folder)
    #expect(made.code == .exited(0), "\(made)")
    let tried = try await Self.run(
      "tables", "alter", "sampled", "--drop", "at", "--dry-run", folder: folder)
    #expect(tried.output.contains("drop at\nnothing was changed; schema version 1"), "\(tried)")
    let altered = try await Self.run(
      "tables", "alter", "sampled", "--rename", "note=text", "--add", "more INTEGER",
      "--default", "more=7", "--comment", "text=what was said", folder: folder)
    #expect(altered.code == .exited(0), "\(altered)")
    #expect(altered.output.contains("rename text (was note)"), "\(altered)")
    #expect(altered.output.contains("done; schema version 2"), "\(altered)")
    let refused = try await Self.run(
      "tables", "alter", "sampled", "--type", "id=INTEGER", folder: folder)
    #expect(refused.code != .exited(0) && refused.errors.contains("\"id\""), "\(refused)")
    let unknown = try await Self.run("tables", "alter", "sampled", "--drop", "no", folder: folder)
    #expect(unknown.code == .exited(2), "\(unknown)")
    let versions = try await Self.run("tables", "schemas", "sampled", folder: folder)
    #expect(versions.output.contains("text VARCHAR, more INTEGER"), "\(versions)")
    #expect(versions.output.contains("note VARCHAR"), "\(versions)")
  }

  @Test func linesOfJSONAreIngestedByTheirKey() async throws {
    let folder = try TemporaryFolder()
    let lines = (1...250).map { #"{"id": \#($0), "text": "row \#($0)"}"# }.joined(separator: "\n")
    let file = try folder.write(lines + "\n", to: "events.ndjson")
    let client = try ServerProcess.shared.client()
    try await client.createTable("events", "id BIGINT", "text VARCHAR").expect(201)
    let first = try await Self.run(
      "ingest", "events", file, "--key", "id", "--batch", "20", folder: folder)
    #expect(first.code == .exited(0) && first.output.contains("accepted       250"), "\(first)")
    let again = try await Self.run("ingest", "events", file, "--key", "id", folder: folder)
    #expect(again.output.contains("duplicates     250"), "\(again)")
    #expect(try await client.rows("SELECT count(*), sum(id)::INT FROM events") == "[[250,31375]]")
  }

  @Test func anInterruptedIngestIsResumed() async throws {
    let folder = try TemporaryFolder()
    let rows = (1...20_000).map { "\($0),x\($0)" }.joined(separator: "\n")
    let file = try folder.write("id,name\n\(rows)\n", to: "many.csv")
    let server = try ServerProcess.shared
    let client = server.client()
    try await client.createTable("many", "id BIGINT", "name VARCHAR").expect(201)
    let child = try await ChildProcess(
      ServerProcess.program("duckmeshctl"),
      ["ingest", "many", file, "--batch", "10", "--concurrency", "1"],
      environment: ["DUCKMESH_URL": server.address], output: folder.path + "/first.out")
    // Interrupted once the server has the first of it.
    while try await client.rows("SELECT count(*) > 0 FROM many") != "[[true]]" {}
    child.send(SIGINT)
    #expect(await child.end() == .exited(130), "\(folder.read("first.out"))")
    let resumed = try await Self.run("ingest", "many", file, folder: folder)
    #expect(resumed.code == .exited(0), "\(resumed.errors)")
    #expect(!resumed.output.contains("duplicates     0\n"), "\(resumed.output)")
    #expect(
      try await client.rows("SELECT count(*), count(DISTINCT id) FROM many") == "[[20000,20000]]")
  }

  @Test func statesAndExitCodesAreTold() async throws {
    let folder = try TemporaryFolder()
    for command in ["health", "ready", "lag", "tables"] {
      let run = try await Self.run(command, folder: folder)
      #expect(run.code == .exited(0) && !run.output.isEmpty, "\(command): \(run.errors)")
    }
    let refused = try await Self.run("query", "DROP TABLE visits", folder: folder)
    #expect(refused.code == .exited(1) && refused.errors.contains("SQL_NOT_ALLOWED"))
    #expect(try await Self.run("frobnicate", folder: folder).code == .exited(2))
    let away = try await Self.run("health", url: "http://127.0.0.1:1", folder: folder)
    #expect(away.code == .exited(3))
    let missing = try await Self.run("ingest", "t", folder.path + "/nosuch.csv", folder: folder)
    #expect(missing.code == .exited(5), "\(missing.errors)")
  }
}

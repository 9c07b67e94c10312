import ControlTool
import Synchronization
import Testing

private let rows = Array(("id\n" + (1...30).map { "\($0)\n" }.joined()).utf8)

private func ingest(
  _ mesh: FakeMesh, _ options: [String] = [], stop: StopSignal = StopSignal()
) async throws -> ToolOutcome {
  mesh.addTable("t", [("id", "BIGINT")])
  return try await withFile(rows) { path in
    try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", path, "--batch", "10", "--concurrency", "1"] + options, url: url, stop: stop
      )
    }
  }
}

@Suite("The wait at the end of an ingest")
struct FinalWaitTests {
  @Test("the batch with the highest token is sent once more, to be answered when it is visible")
  func sendsAgain() async throws {
    let mesh = FakeMesh()
    let outcome = try await ingest(mesh)
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    let bodies = mesh.ingestBodies
    #expect(
      bodies.map { $0["wait_for_visibility"]?.boolean ?? false } == [false, false, false, true])
    #expect(bodies.last?["records"] == bodies[2]["records"])
    #expect(outcome.output.contains("visible        in snapshot 1030\n"))
  }

  @Test("it changes no count")
  func countsStand() async throws {
    let outcome = try await ingest(FakeMesh())
    #expect(outcome.output.contains("rows           30\naccepted       30\nduplicates     0\n"))
  }

  @Test("rows that became dead letters meanwhile are listed and give the exit code for partial")
  func lateDeadLetter() async throws {
    let mesh = FakeMesh(fault: { $0 == 3 ? .lateDeadLetter(recordIndex: 2) : .none })
    let outcome = try await ingest(mesh)
    #expect(outcome.exitCode == .partial)
    #expect(
      outcome.errors.contains(
        "data.csv line 24: dead-lettered, TABLE_DROPPED: the table is gone"), "\(outcome.errors)")
    #expect(outcome.output.contains("accepted       30\n"))
    #expect(outcome.output.contains("dead-lettered  1 of the accepted\n"))
  }

  @Test("a dead letter that the first answer named is not counted again")
  func knownDeadLetter() async throws {
    let mesh = FakeMesh(fault: { $0 >= 2 ? .deadLetter(recordIndex: 2) : .none })
    let outcome = try await ingest(mesh, ["--on-error", "dead_letter"])
    #expect(outcome.exitCode == .partial)
    #expect(outcome.output.contains("dead-lettered  1 of the accepted\n"), "\(outcome.output)")
  }

  @Test("it goes on over answers that are not visible yet")
  func patience() async throws {
    let mesh = FakeMesh(fault: { (3...4).contains($0) ? .notVisible : .none })
    let outcome = try await ingest(mesh)
    #expect(outcome.exitCode == .done)
    #expect(mesh.ingestBodies.count == 6)
    #expect(outcome.output.contains("visible        in snapshot 1030\n"))
  }

  @Test("when it runs out the rows are durable all the same: a note, and success")
  func runsOut() async throws {
    let mesh = FakeMesh(fault: { $0 >= 3 ? .notVisible : .none })
    let outcome = try await ingest(mesh, ["--visibility-timeout-ms", "1"])
    #expect(outcome.exitCode == .done)
    #expect(outcome.errors.contains("all rows are durable"))
    #expect(outcome.errors.contains("--min-token 30"))
    #expect(!outcome.output.contains("visible"))
    #expect(!outcome.errors.contains("Not everything was loaded"))
  }

  @Test("Ctrl-C during the wait does not claim that rows are missing")
  func interruption() async throws {
    let stop = StopSignal()
    let mesh = FakeMesh(
      onIngest: { if $0 == 3 { stop.stop(.interrupted) } },
      fault: { $0 >= 3 ? .notVisible : .none })
    let outcome = try await ingest(mesh, stop: stop)
    #expect(outcome.exitCode == .interrupted)
    #expect(outcome.errors.contains("all rows are durable"))
    #expect(!outcome.errors.contains("Not everything was loaded"))
  }

  @Test("--no-final-wait leaves it out, and an ingest that failed has none")
  func leftOut() async throws {
    let mesh = FakeMesh()
    let outcome = try await ingest(mesh, ["--no-final-wait"])
    #expect(outcome.exitCode == .done)
    #expect(mesh.ingestBodies.count == 3)
    let failing = FakeMesh(fault: { $0 == 2 ? .violation(recordIndex: 0) : .none })
    let failed = try await ingest(failing)
    #expect(failed.exitCode == .refused)
    #expect(failing.ingestBodies.count == 3)
  }

  @Test("with --wait each answer has said it, so nothing is sent again")
  func withWait() async throws {
    let mesh = FakeMesh()
    let outcome = try await ingest(mesh, ["--wait"])
    #expect(mesh.ingestBodies.count == 3)
    #expect(outcome.output.contains("visible        in snapshot 1030\n"))
  }
}

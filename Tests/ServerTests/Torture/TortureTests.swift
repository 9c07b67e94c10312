import Foundation
import Testing

/// Real processes over a real PostgreSQL, with everything going wrong that can.
///
/// The schedule of operations and faults comes from a seed, which a failure prints; what the
/// operating system makes of it differs from run to run.
@Suite(.serialized) struct TortureTests {
  /// Two seeds for every run of the tests, and one that nobody has chosen; the long form takes its
  /// time and its seed from the environment instead.
  private static var runs: [TortureRun] {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["DUCKMESH_TORTURE_SEED"].flatMap { UInt64($0) }
    if let seconds = environment["DUCKMESH_TORTURE_SECONDS"].flatMap({ Int($0) }) {
      return [
        TortureRun(
          seed: seed ?? .random(in: 1...999_999_999), seconds: seconds, writers: 8, readers: 4,
          faults: environment["DUCKMESH_TORTURE_FAULTS"])
      ]
    }
    return [
      TortureRun(seed: 77, seconds: 12),
      TortureRun(seed: .random(in: 1...999_999_999), seconds: 12),
    ]
  }

  @Test func whateverHappensNothingIsLostOrDoubled() async throws {
    for run in Self.runs {
      Self.say("torture: seed \(run.seed), \(run.seconds) s\n")
      let report = try await run.run()
      Self.say(report.text)
      Attachment.record(report.text, named: "torture-\(run.seed).txt")
      for violation in report.violations { Issue.record("seed \(run.seed): \(violation)") }
    }
  }

  /// Rows of the fixed set; the long form asks for more.
  private static var rowCount: Int {
    ProcessInfo.processInfo.environment["DUCKMESH_TORTURE_ROWS"].flatMap { Int($0) } ?? 40_000
  }

  @Test func aFixedSetOfRowsArrivesOnceWhileAProcessIsKilledEveryTwoSeconds() async throws {
    let run = TortureRun(seed: 3, seconds: 0)
    let report = try await run.steadyIngest(rows: Self.rowCount)
    Self.say(report.text)
    Attachment.record(report.text, named: "steady-ingest.txt")
    for violation in report.violations { Issue.record("seed \(run.seed): \(violation)") }
  }

  /// Where somebody who waits for a long run can see it.
  private static func say(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}

import Foundation
import Testing

/// The production protocols under a deterministic scheduler, with everything failing that can.
///
/// `DUCKMESH_TEST_HISTORIES` raises the number of histories, `DUCKMESH_TEST_SEED` repeats a run,
/// and `DUCKMESH_TEST_HISTORY` runs and tells the one history of that seed.
@Suite struct SimulatedHistoryTests {
  private static let leastHistories = 100_000

  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  @Test func everyHistoryKeepsTheInvariants() async throws {
    let seed = Self.number("DUCKMESH_TEST_SEED") ?? UInt64.random(in: 1...999_999_999)
    let histories = max(
      Self.leastHistories, Self.number("DUCKMESH_TEST_HISTORIES").flatMap { Int(exactly: $0) } ?? 0)
    let started = ContinuousClock.now
    let summary = await Campaign(seed: seed, histories: histories).run()
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    for failure in summary.failures.prefix(2) {
      Issue.record("\(FailureReport(seed: failure.seed).text)")
    }
    guard summary.failures.isEmpty else { return }
    #expect(summary.histories == histories)
    for landmark in Landmark.allCases {
      #expect(summary.landmarks[landmark] > 0, "no history came past \(landmark), seed \(seed)")
    }
    try FileHandle.standardOutput.write(
      contentsOf: Data(
        """
        simulated: seed \(seed), \(summary.histories) histories, \(summary.steps) steps, \
        \(summary.faults) faults, \(summary.acknowledgedEvents) acknowledged events, \
        \(summary.commits) snapshots, \(Int(Double(summary.histories) / seconds)) histories/s\n
        """.utf8))
  }

  @Test func aSeedGivesTheSameHistoryAgain() {
    for seed in UInt64(1)...20 {
      let first = History(seed: seed, isTraced: true)
      let second = History(seed: seed, isTraced: true)
      first.run()
      second.run()
      #expect(first.trace == second.trace)
      #expect(first.steps == second.steps)
    }
  }

  @Test func theHistoryThatIsAskedForIsTold() throws {
    let asked = Self.number("DUCKMESH_TEST_HISTORY")
    let report = FailureReport(seed: asked ?? 1)
    #expect(report.violation == nil)
    #expect(!report.trace.isEmpty)
    guard asked != nil else { return }
    try FileHandle.standardOutput.write(contentsOf: Data((report.text + "\n").utf8))
  }
}

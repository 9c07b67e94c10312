import Foundation
import Testing

/// The checks find every rule that is left out on purpose.
@Suite struct PlantedFaultTests {
  private static let seed: UInt64 = 1
  private static let histories = 100_000

  @Test(arguments: PlantedFault.allCases)
  func aMissingRuleIsFound(planted: PlantedFault) async throws {
    let campaign = Campaign(seed: Self.seed, histories: Self.histories, planted: planted)
    let summary = await campaign.run()
    let found = try #require(
      summary.failures.min { $0.steps < $1.steps }, "\(planted) went unnoticed")
    let report = FailureReport(seed: found.seed, planted: planted)
    #expect(report.violation != nil)
    #expect(report.trace.last?.contains("VIOLATION") == true)
    // The same history without the fault is a sound one.
    let sound = History(seed: found.seed)
    sound.run()
    #expect(sound.violation == nil)
    try FileHandle.standardOutput.write(
      contentsOf: Data(
        """
        planted: \(planted.rawValue), found after \(summary.histories) histories, seed \
        \(found.seed), \(found.steps) steps: \(found.violation)\n
        """.utf8))
  }
}

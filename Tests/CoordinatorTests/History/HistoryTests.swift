import Foundation
import Testing

/// Tables through random lives with restores, drops and expiry: every snapshot shows what it showed
/// when it was new, and the changes told are the difference of snapshots.
///
/// `DUCKMESH_HISTORY_RUNS` raises the number of runs over each store, `DUCKMESH_TEST_SEED` repeats
/// them.
@Suite struct HistoryTests {
  private static func number(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func changesAreTheDifferenceOfWhatSnapshotsShow(kind: MeshStore.Kind) async throws {
    let first = Self.number("DUCKMESH_TEST_SEED") ?? Int.random(in: 1...999_999_999)
    let total = Guarded(HistoryRun.Tally())
    for run in 0..<(Self.number("DUCKMESH_HISTORY_RUNS") ?? 2) {
      let seed = UInt64(first + run)
      do {
        try await withMesh(over: kind, clock: TestClock()) { mesh in
          var life = try await HistoryRun(mesh, seed: seed)
          try await life.run(operations: 40)
          total.withLock { [done = life.tally] in $0 = $0 + done }
        }
      } catch {
        Issue.record("seed \(seed): \(error)")
        return
      }
    }
    let tally = total.withLock { $0 }
    try FileHandle.standardOutput.write(
      contentsOf: Data(
        "histories over \(kind.testDescription): seed \(first), \(tally)\n".utf8))
    #expect(tally.restores > 0 && tally.changes > 0, "seed \(first) did nothing")
  }
}

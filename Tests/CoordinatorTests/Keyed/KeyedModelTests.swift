import Foundation
import Testing

/// Keyed tables through random lives, against a model, at every snapshot, by two readers.
///
/// `DUCKMESH_KEYED_RUNS` raises the number of runs over each store, `DUCKMESH_KEYED_OPERATIONS`
/// that of operations in a run, and `DUCKMESH_TEST_SEED` repeats them.
@Suite struct KeyedModelTests {
  private static func number(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func everySnapshotShowsWhatItsEventsSay(kind: MeshStore.Kind) async throws {
    let first = Self.number("DUCKMESH_TEST_SEED") ?? Int.random(in: 1...999_999_999)
    let runs = Self.number("DUCKMESH_KEYED_RUNS") ?? 2
    let operations = Self.number("DUCKMESH_KEYED_OPERATIONS") ?? 60
    var total = KeyedRun.Tally()
    for run in 0..<runs {
      let seed = UInt64(first + run)
      let clock = TestClock()
      let tally = Guarded(KeyedRun.Tally())
      do {
        try await withMesh(over: kind, clock: clock) { mesh in
          var life = try await KeyedRun(mesh, clock: clock, seed: seed)
          try await life.run(operations: operations)
          tally.withLock { [done = life.tally] in $0 = done }
        }
      } catch {
        Issue.record("seed \(seed): \(error)")
        return
      }
      let done = tally.withLock { $0 }
      total = total + done
      // Each time, since a long form may be ended early.
      try FileHandle.standardOutput.write(
        contentsOf: Data(
          """
          keyed tables over \(kind.testDescription): seed \(first), run \(run + 1) of \(runs), \
          \(total)\n
          """.utf8))
      // Whoever repeats it need not run the others.
      guard done.differences == 0 else {
        Issue.record("seed \(seed): \(done.differences) differences")
        return
      }
    }
    #expect(
      total.merges > 0 && total.rewrites > 0 && total.alterations > 0 && total.restores > 0,
      "seed \(first) did nothing: \(total)")
  }
}

extension KeyedRun.Tally: CustomStringConvertible {
  var description: String {
    """
    \(operations) operations, \(alterations) schema changes, \(restores) restores, \
    \(faults) faults, \(merges) merges (\(rewrites) rewrites), \(expired) snapshots expired, \
    \(snapshots) snapshots read, \(officialSnapshots) by the official reader, \
    \(comparisons) comparisons, \(differences) differences
    """
  }

  static func + (left: Self, right: Self) -> Self {
    Self(
      operations: left.operations + right.operations,
      alterations: left.alterations + right.alterations,
      restores: left.restores + right.restores, expired: left.expired + right.expired,
      merges: left.merges + right.merges, rewrites: left.rewrites + right.rewrites,
      faults: left.faults + right.faults, snapshots: left.snapshots + right.snapshots,
      officialSnapshots: left.officialSnapshots + right.officialSnapshots,
      comparisons: left.comparisons + right.comparisons,
      differences: left.differences + right.differences)
  }
}

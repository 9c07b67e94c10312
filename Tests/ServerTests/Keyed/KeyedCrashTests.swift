import Runtime
import TestSupport
import Testing

/// A server with a keyed table is killed between any two durable steps, and started again.
@Suite struct KeyedCrashTests {
  /// So that rewrites happen within a few events.
  private static let eager = [
    "DUCKMESH_COMPACTION_FAN_IN": "2", "DUCKMESH_COMPACTION_INTERVAL_MS": "10",
    "DUCKMESH_FLUSH_INTERVAL_MS": "10", "DUCKMESH_DELETION_GRACE_SECONDS": "600",
  ]

  @Test(arguments: [
    CrashPoint.afterMaterialize, .afterPut, .insideCommit, .afterCommit, .mergeAfterPut,
    .insideRewrite, .mergeAfterCommit,
  ]) func aServerKilledAtAnyStepShowsTheLastWriteOfEachKey(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.eager) { server in
      let witness = KeyedWitness(seed: 3, keys: 20)
      try await witness.prepare(server)
      await witness.write(to: server, clients: 2, requests: 20)
      try await witness.rememberSnapshot(server)
      await server.kill9()

      let ending: ChildProcess.Ending
      do {
        try await server.start([
          CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue,
        ])
        await witness.write(to: server, clients: 4, requests: 400)
        ending = await server.ended()
      } catch let failure as ServerProcess.DidNotStart {
        // Upkeep may reach its point before anybody has written anything.
        ending = failure.ending
      }
      #expect(ending == .signalled(9), "the point was not reached")

      // Twice, so that what the first life after the crash does survives the second.
      for _ in 0..<2 {
        try await server.start()
        try await witness.expectLastWrites(server)
        try await witness.rememberSnapshot(server)
        try await witness.expectSnapshots(server)
        try await witness.expectClean(server)
        #expect(await server.stop() == .exited(0))
        try await offPool { try Witness().expectNoOrphans(server) }
      }
    }
  }
}

import Runtime
import TestSupport
import Testing

/// The server is killed at moments that nobody has chosen.
@Suite struct KillUnderLoadTests {
  @Test(arguments: [21] as [UInt64]) func killsUnderLoadLoseNothingAndDoubleNothing(
    seed: UInt64
  ) async throws {
    var random = SeededGenerator(seed: seed)
    let settings = [
      "DUCKMESH_COMPACTION_FAN_IN": "4", "DUCKMESH_COMPACTION_INTERVAL_MS": "20",
      "DUCKMESH_FLUSH_INTERVAL_MS": "5",
    ]
    var thresholds: [Int] = []
    for _ in 0..<6 { thresholds.append(1 + random.below(150)) }
    let lives = thresholds
    try await ServerProcess.with(settings) { server in
      let witness = Witness()
      try await witness.prepare(server)
      for threshold in lives {
        let start = witness.acknowledgedCount
        await withTaskGroup(of: Void.self) { group in
          group.addTask {
            await witness.writeUntilTheEnd(of: server, clients: 8, limit: .max / 2)
          }
          try? await eventually { witness.acknowledgedCount >= start + threshold }
          await server.kill9()
        }
        #expect(witness.acknowledgedCount >= start + threshold)
        try await server.start()
      }
      try await witness.expectEverythingOnce(server)
      try await witness.expectClean(server)
      #expect(await server.stop() == .exited(0))
      try await offPool { try witness.expectNoOrphans(server) }
    }
  }
}

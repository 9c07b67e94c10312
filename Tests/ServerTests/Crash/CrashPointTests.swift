import Runtime
import SQLite
import TestSupport
import Testing

/// The server is killed between any two durable steps, and started again.
@Suite struct CrashPointTests {
  /// So that merges happen within a few events.
  private static let eager = [
    "DUCKMESH_COMPACTION_FAN_IN": "2", "DUCKMESH_COMPACTION_INTERVAL_MS": "10",
    "DUCKMESH_FLUSH_INTERVAL_MS": "10", "DUCKMESH_DELETION_GRACE_SECONDS": "600",
  ]

  private func arm(_ point: CrashPoint) -> [String: String] {
    [CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue]
  }

  /// How an armed server ends. Upkeep may reach its point before anybody has written anything.
  private func crash(
    _ server: ServerProcess, at point: CrashPoint, writing: () async -> Void
  ) async throws -> ChildProcess.Ending {
    do {
      try await server.start(arm(point))
    } catch let failure as ServerProcess.DidNotStart {
      return failure.ending
    }
    await writing()
    return await server.ended()
  }

  @Test(arguments: [
    CrashPoint.insidePublish, .afterPublish, .afterClaim, .afterMaterialize, .afterPut,
    .insideCommit, .afterCommit, .beforeAcknowledge, .mergeAfterPut, .insideMerge,
    .mergeAfterCommit,
  ]) func aServerKilledAtAnyStepLosesNothingAndDoublesNothing(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.eager) { server in
      let witness = Witness()
      try await witness.prepare(server)
      await witness.writeUntilTheEnd(of: server, clients: 2, limit: 10, waits: true)
      try await witness.rememberSnapshot(server)
      await server.kill9()

      let ending = try await crash(server, at: point) {
        await witness.writeUntilTheEnd(of: server, clients: 4, limit: 400)
      }
      #expect(ending == .signalled(9), "the point was not reached")

      // Twice, so that what the first life after the crash does survives the second.
      for _ in 0..<2 {
        try await server.start()
        try await witness.expectEverythingOnce(server)
        try await witness.rememberSnapshot(server)
        try await witness.expectSnapshots(server)
        try await witness.expectClean(server)
        #expect(await server.stop() == .exited(0))
        try await offPool { try witness.expectNoOrphans(server) }
      }
    }
  }

  @Test(arguments: [CrashPoint.expiryAfterCommit, .expiryAfterDelete])
  func aServerKilledWhileItExpiresSnapshotsKeepsTheRest(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.eager) { server in
      let witness = Witness()
      try await witness.prepare(server)
      for _ in 0..<4 {
        await witness.writeUntilTheEnd(of: server, clients: 2, limit: 5, waits: true)
        try await witness.rememberSnapshot(server)
      }
      try await eventually("files have been merged") {
        try await witness.client(server).post("/v1/compaction/run").status == 200
          && server.log.contains("files merged")
      }
      #expect(await server.stop() == .exited(0))
      // As if all of it had happened long ago.
      let path = server.dataFolder + "/catalog.sqlite"
      try await offPool {
        let database = try SQLiteConnection(path: path, mode: .readWriteCreate)
        try database.execute(
          """
          UPDATE ducklake_snapshot SET snapshot_time = '2020-' || substr(snapshot_time, 6);
          UPDATE ducklake_files_scheduled_for_deletion
            SET schedule_start = '2020-' || substr(schedule_start, 6)
          """)
      }
      #expect(
        try await server.startToEnd(arm(point)) == .signalled(9), "the point was not reached")
      try await server.start()
      try await witness.expectEverythingOnce(server)
      try await witness.expectSnapshots(server, mayBeGone: true)
      try await witness.expectClean(server)
      #expect(await server.stop() == .exited(0))
      try await offPool { try witness.expectNoOrphans(server) }
    }
  }

  @Test func aCrashPointThatIsNotEnabledOrNotKnownKeepsTheServerFromStarting() async throws {
    let folder = try TemporaryFolder()
    let wishes = [
      [CrashPoint.variable: CrashPoint.afterPut.rawValue],
      [CrashPoint.enablingVariable: "1", CrashPoint.variable: "nowhere"],
      [PoisonText.variable: "a text"],
    ]
    for wish in wishes {
      let child = try await ServerProcess.spawn(
        wish, dataFolder: folder.path + "/data", log: folder.path + "/log")
      #expect(await child.end() == .exited(3))
    }
    #expect(folder.read("log").contains(CrashPoint.variable))
  }
}

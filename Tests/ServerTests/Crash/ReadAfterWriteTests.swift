import Foundation
import Runtime
import Synchronization
import TestSupport
import Testing

/// A client that queries with the token of its write sees that write.
@Suite struct ReadAfterWriteTests {
  /// The form that `make test` runs, and the long one that the environment asks for.
  private struct Extent {
    var clients = 16
    var loops = 25 * 16
    /// How often the server is killed and started again meanwhile.
    var kills = 2

    static var asked: Extent {
      var extent = Extent()
      let environment = ProcessInfo.processInfo.environment
      func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
      extent.clients = number("DUCKMESH_TEST_CLIENTS") ?? extent.clients
      extent.loops = number("DUCKMESH_TEST_LOOPS") ?? extent.loops
      extent.kills = number("DUCKMESH_TEST_KILLS") ?? extent.kills
      return extent
    }
  }

  @Test func everyClientReadsItsOwnWritesAlsoAcrossKills() async throws {
    let extent = Extent.asked
    try await ServerProcess.with { server in
      let witness = Witness()
      try await witness.prepare(server)
      let (begun, done, violations) = (Tally(), Tally(), Tally())
      let started = SystemMonotonicClock().now
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<extent.clients {
          group.addTask {
            while begun.next() <= extent.loops {
              if try await !Self.loop(number, witness, server) { violations.add() }
              done.add()
            }
          }
        }
        group.addTask {
          for kill in 0..<extent.kills {
            let moment = extent.loops * (kill + 1) / (extent.kills + 1)
            try await eventually("\(moment) loops") { done.count >= moment }
            await server.kill9()
            try await server.start()
          }
        }
        try await group.waitForAll()
      }
      let seconds = Double((SystemMonotonicClock().now - started).saturatedNanoseconds) / 1e9
      #expect(violations.count == 0)
      #expect(done.count == extent.loops)
      try await witness.expectEverythingOnce(server)
      try await witness.expectClean(server)
      Attachment.record(
        "\(extent.clients) clients, \(done.count) loops, \(extent.kills) kills,"
          + " \(violations.count) violations, \(seconds) s", named: "read-after-write.txt")
    }
  }

  /// Writes one event and looks for it.
  ///
  /// - Returns: whether it was there, once.
  private static func loop(
    _ number: Int, _ witness: Witness, _ server: ServerProcess
  ) async throws -> Bool {
    let key = witness.newKey(of: number)
    let clock = SystemMonotonicClock()
    var token: Int64?
    while token == nil {
      token = try await witness.write(key, client: number, to: server)
      if token == nil { try await clock.sleep(until: clock.now.advanced(byMs: 20)) }
    }
    let statement = "SELECT count(*) FROM \(Witness.table) WHERE key = '\(key)'"
    let more = #", "min_visibility_token": \#(token ?? 0), "consistency_timeout_ms": 60000"#
    while true {
      // No answer is no wrong answer: it is asked again.
      if let reply = try? await witness.client(server).query(statement, more: more) {
        if reply.status == 200 { return reply["rows", 0, 0]?.integer == 1 }
        guard [429, 503, 504].contains(reply.status) else {
          Issue.record("\(reply.status) \(reply.text)")
          return false
        }
      }
      try await clock.sleep(until: clock.now.advanced(byMs: 20))
    }
  }
}

/// A count that several tasks share.
final class Tally: Sendable {
  private let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add() { value.add(1, ordering: .relaxed) }
  /// The count with this one.
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}

/// A watermark says exactly what its snapshot shows.
@Suite struct WatermarkTests {
  @Test func everySnapshotShowsAsManyRowsAsItsWatermarkSays() async throws {
    let settings = [
      "DUCKMESH_COMPACTION_FAN_IN": "4", "DUCKMESH_COMPACTION_INTERVAL_MS": "20",
      "DUCKMESH_FLUSH_INTERVAL_MS": "1",
    ]
    try await ServerProcess.with(settings) { server in
      let witness = Witness()
      try await witness.prepare(server)
      let (writers, events) = (6, 240)
      let seen = Guarded<[Int64: Int64]>([:])
      let isDone = Guarded(false)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
          group.addTask {
            var newest: Int64 = 0
            while !isDone.withLock({ $0 }) {
              let reply = try await witness.client(server).query(
                "SELECT count(*) FROM \(Witness.table)"
              ).expect(200)
              let count = try #require(reply["rows", 0, 0]?.integer)
              let watermark = try #require(reply.token)
              let snapshot = try #require(reply["snapshot_id"]?.integer)
              #expect(count == watermark, "at snapshot \(snapshot)")
              #expect(snapshot >= newest, "snapshots go forward")
              newest = snapshot
              seen.withLock { $0[snapshot] = count }
            }
          }
        }
        // Until the readers have seen the table at several moments, however slow their start is.
        for _ in 0..<100 where seen.withLock({ $0.count }) < 3 {
          await witness.writeUntilTheEnd(of: server, clients: writers, limit: events)
        }
        isDone.withLock { $0 = true }
        try await group.waitForAll()
      }
      let observed = seen.withLock { $0 }
      #expect(observed.count >= 3, "the readers saw the table at few moments")
      // And the same for ever, merged or not.
      try await witness.client(server).post("/v1/compaction/run").expect(200)
      for (snapshot, count) in observed {
        let reply = try await witness.client(server).query(
          "SELECT count(*) FROM \(Witness.table)", more: #", "snapshot_id": \#(snapshot)"#
        ).expect(200)
        #expect(reply["rows", 0, 0]?.integer == count && reply.token == count)
      }
      try await witness.expectEverythingOnce(server)
    }
  }
}

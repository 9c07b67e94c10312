import Foundation
import Glibc
import Runtime

/// A fixed set of rows goes in through all processes that take writes, at once, while a process
/// chosen by chance is killed every two seconds.
struct SteadyIngest: Sendable {
  let cluster: TortureCluster
  let history: History
  let workload: Workload
  let rowCount: Int
  let seed: UInt64

  static let batchSize = 100
  private static let table = Workload.calm[0]

  /// - Returns: from each death of a coordinator to the next commit of anybody, in milliseconds.
  func run() async throws -> [Int] {
    let isDone = Guarded(false)
    let next = Guarded(0)
    let takeovers = Guarded<[Int]>([])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await kill(until: isDone, takeovers) }
      group.addTask {
        defer { isDone.withLock { $0 = true } }
        try await ingest(next)
      }
      try await group.waitForAll()
    }
    try await cluster.heal()
    return takeovers.withLock { $0 }
  }

  private func ingest(_ next: Guarded<Int>) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          var random = SeededGenerator(seed: seed &+ UInt64(writer))
          while true {
            let start = next.withLock { next in
              defer { next += Self.batchSize }
              return next
            }
            guard start < rowCount else { return }
            try await write(min(Self.batchSize, rowCount - start), waits: writer == 0, &random)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Writes a batch and reads it back by its token.
  private func write(
    _ count: Int, waits: Bool, _ random: inout SeededGenerator
  ) async throws {
    let numbers = history.newRecords(Self.table, count: count) { Int64($0) &* 7_919 }
    _ = try await workload.send(
      .init(
        table: Self.table, numbers: numbers, contents: numbers.map { Int64($0) &* 7_919 },
        waits: waits), operation: "write batch", &random)
    let processes = cluster.processes(with: "query")
    try await workload.readByToken(
      Self.table, at: processes[random.below(processes.count)], window: 2 * Self.batchSize)
  }

  private func kill(until isDone: Guarded<Bool>, _ takeovers: Guarded<[Int]>) async throws {
    var random = SeededGenerator(seed: seed)
    while !isDone.withLock({ $0 }) {
      let victim = cluster.processes[random.below(cluster.processes.count)]
      history.count("kill", victim.name)
      await victim.kill9()
      if victim.has("coordinator") {
        let began = history.nowMs
        if try await commitsGoOn(isDone) {
          takeovers.withLock { $0.append(Int(history.nowMs - began)) }
        }
      }
      guard try await victim.startUntilItListens(withinSeconds: 180) else {
        throw TortureCluster.DidNotStart(name: victim.name)
      }
      try await workload.pause(2_000)
    }
  }

  /// Waits until the tenant's watermark has moved.
  private func commitsGoOn(_ isDone: Guarded<Bool>) async throws -> Bool {
    let sql = "SELECT coalesce(sum(watermark), 0)::BIGINT FROM duckmesh_consumer"
    let before = try await cluster.outside.call(sql).int64(0, 0)
    while !isDone.withLock({ $0 }) {
      if try await cluster.outside.call(sql).int64(0, 0) > before { return true }
      try await workload.pause(10)
    }
    return false
  }
}

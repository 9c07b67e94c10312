import Foundation
import Glibc
import Testing
import WorkerPool

@Suite struct ChurnTests {
  @Test func eightTenantsAtOnceEachGetTheirOwnRows() async throws {
    try await Self.churn(queries: 200) { options in
      options.maximumWorkers = 9
      options.maximumRunningPerTenant = 1
      options.maximumQueriesPerWorker = 150
    }
  }

  @Test func moreTenantsThanWorkersTakeTurns() async throws {
    try await Self.churn(queries: 8) { options in
      options.maximumWorkers = 3
      options.patienceMs = 20
    }
  }

  private static func churn(
    queries: Int, _ configure: @escaping (inout WorkerPoolOptions) -> Void
  ) async throws {
    let processID = getpid()
    try await PoolFixture.withPool(.with(configure)) { fixture in
      for tenant: Int64 in 1...8 {
        try await fixture.lake.write(
          "events", of: tenant, as: "SELECT range AS id FROM range(\(tenant))")
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for tenant: Int64 in 1...8 {
          group.addTask {
            for _ in 0..<queries {
              let answer = try await fixture.run(
                "SELECT count(*) FROM events", tenant: tenant, timeoutMs: 300_000)
              #expect(answer.text == "[\(tenant)]")
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(fixture.pool.statistics.workersLost == 0)
      let children = try Self.children(of: processID)
      #expect(fixture.pool.processIDs.allSatisfy { children[$0] != "Z" })
    }
  }

  @Test func aPoolThatHasStoppedLeavesNoDescriptorAndNoProcess() async throws {
    let lake = try Lake()
    var options = WorkerPoolOptions(
      executable: try PoolFixture.executable(), temporaryFolder: lake.root + "/workers")
    options.birthLimitMs = 120_000
    options.spareWorkers = 2
    var processes: [Int32] = []
    for _ in 0..<3 {
      let pool = WorkerPool(options: options)
      try await pool.start()
      processes += pool.processIDs
      await pool.stop()
    }
    let children = try Self.children(of: getpid())
    #expect(processes.filter { children[$0] != nil } == [])
    // Other tests of this process run workers as well, a few at a time; what a pool left behind
    // would add up.
    let before = try Self.localSocketCount()
    let rounds = 12
    for _ in 0..<rounds {
      let pool = WorkerPool(options: options)
      try await pool.start()
      await pool.stop()
    }
    #expect(try Self.localSocketCount() - before < rounds * options.spareWorkers)
  }

  /// The UNIX sockets that this process has open: those of workers, and few others.
  private static func localSocketCount() throws -> Int {
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    return descriptors.count { name in
      guard let descriptor = Int32(name) else { return false }
      var domain: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0
        && domain == AF_UNIX
    }
  }

  /// The state letter of every child by its number.
  private static func children(of parent: Int32) throws -> [Int32: String] {
    var children: [Int32: String] = [:]
    for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let process = Int32(entry),
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let end = text.lastIndex(of: ")")
      else { continue }
      let fields = text[text.index(after: end)...].split(separator: " ")
      if fields.count > 1, Int32(fields[1]) == parent { children[process] = String(fields[0]) }
    }
    return children
  }
}

import Coordinator
import DuckDB
import Foundation
import Testing

/// The engine for what is small and the one for all else.
@Suite struct MaterializerPoolTests {
  private func withPool(_ body: (MaterializerPool) async throws -> Void) async throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/duckmesh-pool-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(
      try MaterializerPool(
        options: .init(
          threads: 1, memoryLimitBytes: 64 << 20, temporaryFolder: folder + "/engine")))
  }

  /// - Returns: the length of the list and the limit of memory of the engine that made it.
  private func makeList(
    of count: Int, _ pool: MaterializerPool, _ size: MaterializerPool.WorkSize
  ) async throws -> [String?] {
    try await pool.withConnection(size) { (connection) throws(DuckDBError) in
      try connection.query(
        "SELECT len(list(range))::VARCHAR, current_setting('memory_limit') FROM range(\(count))"
      ).rows[0].map(\.string)
    }
  }

  private func expectList(
    of count: Int, _ pool: MaterializerPool, _ size: MaterializerPool.WorkSize,
    madeIn limit: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let made = try await makeList(of: count, pool, size)
    #expect(made == ["\(count)", limit], sourceLocation: sourceLocation)
  }

  private func expectOutOfMemory(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
  ) async {
    await #expect(sourceLocation: sourceLocation) {
      try await body()
    } throws: { error in
      guard case EnvironmentFailure.engine(let reason) = error else { return false }
      return reason.contains("Out of Memory")
    }
  }

  @Test func whatIsSmallHasAnEngineOfLessMemory() async throws {
    try await withPool { pool in
      try await expectList(of: 10_000, pool, .small, madeIn: "16.0 MiB")
      try await expectList(of: 10_000, pool, .smallOnly, madeIn: "16.0 MiB")
      try await expectList(of: 10_000, pool, .any, madeIn: "64.0 MiB")
    }
  }

  @Test func whatTheSmallEngineCannotDoTheOtherOneDoes() async throws {
    try await withPool { pool in
      let count = 1_500_000
      await expectOutOfMemory { _ = try await makeList(of: count, pool, .smallOnly) }
      try await expectList(of: count, pool, .small, madeIn: "64.0 MiB")
      // It goes on with what it can do.
      try await expectList(of: 10_000, pool, .small, madeIn: "16.0 MiB")
    }
  }

  @Test func whatNeitherCanDoIsAFailureOfTheEngine() async throws {
    try await withPool { pool in
      await expectOutOfMemory { _ = try await makeList(of: 20_000_000, pool, .small) }
    }
  }
}

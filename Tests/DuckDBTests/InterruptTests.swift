import DuckDB
import Testing

struct InterruptTests {
  /// Would run for hours.
  private static let endless =
    "SELECT count(*)::VARCHAR FROM range(10000000) a, range(10000000) b WHERE (a.range + b.range) % 7 = 8"

  @Test func `one interrupt from another thread ends a query, whenever it comes`() async throws {
    for _ in 0..<10 {
      let instance = try DuckDBInstance()
      let (handles, continuation) = AsyncStream<DuckDBInterruptHandle>.makeStream()
      async let outcome = onOwnThread {
        let connection = try instance.connect()
        continuation.yield(connection.interruptHandle)
        return #expect(throws: DuckDBError.self) {
          try connection.query(Self.endless)
        }
      }
      for await handle in handles.prefix(1) {
        // No waiting: it may meet the connection before, while or after it prepares.
        handle.interrupt()
      }
      #expect(try await outcome?.kind == .interrupted)
    }
  }

  @Test func `an interrupt ends a running query`() async throws {
    let instance = try DuckDBInstance()
    let (started, continuation) = AsyncStream<DuckDBInterruptHandle>.makeStream()
    async let outcome = onOwnThread {
      let connection = try instance.connect()
      // The first part fills DuckDB's stream buffer, so its rows come while the statement runs;
      // those of the second never come.
      let result = try connection.prepare(
        "SELECT repeat('x', 1000) FROM range(100000) UNION ALL (\(Self.endless))"
      ).execute()
      _ = try result.nextChunk()
      continuation.yield(connection.interruptHandle)
      return #expect(throws: DuckDBError.self) {
        while try result.nextChunk() != nil {}
      }
    }
    for await handle in started.prefix(1) { handle.interrupt() }
    #expect(try await outcome?.kind == .interrupted)
  }

  @Test func `an interrupt between statements refuses the next until it is reset`() throws {
    let connection = try DuckDBInstance().connect()
    let prepared = try connection.prepare("SELECT 1")
    let extracted = try connection.extractStatements("SELECT 1")
    connection.interruptHandle.interrupt()
    let calls: [() throws -> Void] = [
      { try connection.execute("SELECT 1") }, { _ = try connection.prepare("SELECT 1") },
      { _ = try prepared.execute() }, { _ = try extracted.prepare(at: 0) },
    ]
    for call in calls {
      let error = #expect(throws: DuckDBError.self) { try call() }
      #expect(error?.kind == .interrupted)
    }
    connection.interruptHandle.reset()
    #expect(try connection.query("SELECT 1").rows == [[.int64(1)]])
  }

  @Test func `a handle outlives its connection and then does nothing`() throws {
    func handleOfClosedConnection() throws -> DuckDBInterruptHandle {
      let connection = try DuckDBInstance().connect()
      try connection.execute("SELECT 1")
      return connection.interruptHandle
    }
    let handle = try handleOfClosedConnection()
    handle.interrupt()
    #expect(handle.isInterrupted)
    #expect(handle.progress() == nil)
  }

  @Test func `threads may interrupt while connections close`() async throws {
    let instance = try DuckDBInstance()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<5 {
            let (handles, continuation) = AsyncStream<DuckDBInterruptHandle>.makeStream()
            async let closing: Void = onOwnThread {
              let connection = try instance.connect()
              continuation.yield(connection.interruptHandle)
              continuation.finish()
            }
            for await handle in handles { for _ in 0..<50 { handle.interrupt() } }
            try await closing
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try instance.connect().query("SELECT 1").rows == [[.int64(1)]])
  }
}

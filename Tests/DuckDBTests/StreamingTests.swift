import DuckDB
import Testing

struct StreamingTests {
  /// Each row takes a number from a sequence, which tells from outside how many were computed.
  private static let countedRows =
    "SELECT nextval('s') AS n, repeat('x', 1000) AS s FROM range(300000)"

  private static func computedRows(_ instance: DuckDBInstance) throws -> Int64? {
    try instance.connect().query("SELECT nextval('s') - 1").rows[0][0].int64
  }

  @Test func `rows stream: they are computed while they are fetched`() async throws {
    let (computed, rows, sum) = try await onOwnThread {
      let instance = try DuckDBInstance()
      let connection = try instance.connect()
      try connection.execute("CREATE SEQUENCE s")
      let result = try connection.prepare(Self.countedRows).execute()
      var computed: Int64?
      var rows = 0
      var sum: Int64 = 0
      while let chunk = try result.nextChunk() {
        rows += chunk.rowCount
        chunk.withVectors { vectors in
          vectors[0].withElements(as: Int64.self) { sum += $0.reduce(0, +) }
        }
        if computed == nil { computed = try Self.computedRows(instance) }
      }
      return (computed, rows, sum)
    }
    // The rows of some megabytes are computed ahead.
    #expect(try #require(computed) < 20_000)
    #expect(rows == 300_000)
    // One number went to the question.
    #expect(sum > 300_000 * 300_001 / 2 && sum <= 300_001 * 300_002 / 2)
  }

  @Test func `without streaming all rows are computed by the execution`() async throws {
    let computed = try await onOwnThread {
      let instance = try DuckDBInstance()
      let connection = try instance.connect()
      try connection.execute("CREATE SEQUENCE s")
      let result = try connection.prepare(Self.countedRows).execute(streaming: false)
      let computed = try Self.computedRows(instance)
      _ = try result.nextChunk()
      return computed
    }
    #expect(computed == 300_000)
  }

  @Test func `an error behind the first rows is thrown, not taken for the end`() throws {
    let connection = try DuckDBInstance().connect()
    let result = try connection.prepare(
      "SELECT CASE WHEN i < 100000 THEN repeat('x', 1000) ELSE error('boom') END FROM range(200000) r(i)"
    ).execute()
    var rows = 0
    let error = #expect(throws: DuckDBError.self) {
      while let chunk = try result.nextChunk() { rows += chunk.rowCount }
    }
    #expect(rows > 0 && rows <= 100_000)
    #expect(error?.kind == .invalidInput)
    #expect(error?.message.contains("boom") == true)
    // The error is told once; then the result is at its end.
    #expect(try result.nextChunk() == nil)
    #expect(try connection.query("SELECT 1").rows == [[.int64(1)]])
  }

  @Test func `an open stream keeps its connection from other statements until it is released`()
    throws
  {
    let connection = try DuckDBInstance().connect()
    var result: DuckDBResult? = try connection.prepare("FROM range(100000)").execute()
    #expect(try result?.nextChunk()?.rowCount == 2_048)
    let error = #expect(throws: DuckDBError.self) { try connection.execute("SELECT 1") }
    #expect(error?.kind == .resourceInUse)
    result = nil
    #expect(try connection.query("SELECT 1").rows == [[.int64(1)]])
  }

  @Test func `results and chunks outlive every other reference`() throws {
    func openResult() throws -> DuckDBResult {
      try DuckDBInstance().connect().prepare(
        "SELECT 'long enough for the heap ' || i FROM range(3000) r(i)"
      )
      .execute()
    }
    var result: DuckDBResult? = try openResult()
    let first = try #require(try result?.nextChunk())
    _ = try result?.nextChunk()
    #expect(try result?.nextChunk() == nil)
    result = nil
    #expect(try first.readRows()[2_047] == [.string("long enough for the heap 2047")])
  }

  @Test func `a drained result is at its end for ever`() throws {
    let result = try DuckDBInstance().connect().prepare("SELECT 1").execute()
    #expect(try result.nextChunk()?.rowCount == 1)
    for _ in 0..<3 { #expect(try result.nextChunk() == nil) }
  }
}

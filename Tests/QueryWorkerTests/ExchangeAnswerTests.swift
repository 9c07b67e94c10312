import DuckDB
import Foundation
import Runtime
import Testing
import WorkerPool
import WorkerProtocol

/// Arrow and Parquet answers of real, sandboxed workers.
@Suite struct ExchangeAnswerTests {
  private static let forms: [AnswerFormat] = [.arrow, .parquet]
  private static let endOfStream: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]

  private static func isWhole(_ bytes: [UInt8], _ form: AnswerFormat) -> Bool {
    let mark = Array("PAR1".utf8)
    return form == .parquet
      ? bytes.starts(with: mark) && bytes.suffix(4).elementsEqual(mark)
      : bytes.starts(with: [0xFF, 0xFF, 0xFF, 0xFF]) && bytes.suffix(8).elementsEqual(endOfStream)
  }

  /// What DuckDB reads from a Parquet answer.
  private static func read(
    _ bytes: [UInt8], _ select: String, _ fixture: PoolFixture
  ) async throws -> [[DuckDBValue]] {
    let path = fixture.lake.root + "/answer-\(UUID().uuidString).parquet"
    return try await Blocking.run {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let file = "read_parquet(\(sqlLiteral(path)))"
      return try DuckDBInstance().connect().query("SELECT \(select) FROM \(file)").rows
    }
  }

  @Test(arguments: [nil, 0, 1, 2, 3] as [UInt8?])
  func bothFormsLeaveTheSandboxAtEveryLandlockABI(abi: UInt8?) async throws {
    let adjustment = PoolAdjustment.with { options in
      options.landlockABILimit = abi
      if abi == 0 { options.sandboxMode = .prefer }
    }
    try await PoolFixture.withPool(adjustment) { fixture in
      try await fixture.lake.write(
        "events", of: 1, as: "SELECT range AS id, 'n' || range AS name FROM range(200000)")
      for form in Self.forms {
        let answer = try await fixture.run("FROM events") {
          $0.format = form
          $0.rowLimit = .max
          $0.resultByteLimit = .max
        }
        #expect(answer.ending?.rowCount == 200_000 && answer.ending?.truncated == false)
        #expect(answer.columns == ["id", "name"] && answer.types == ["BIGINT", "VARCHAR"])
        #expect(Self.isWhole(answer.bytes, form))
        if form == .parquet {
          let rows = try await Self.read(
            answer.bytes, "count(*), sum(id)::BIGINT, max(name)", fixture)
          #expect(rows == [[.int64(200_000), .int64(19_999_900_000), .string("n99999")]])
        }
      }
    }
  }

  @Test(arguments: [1, 2, 8])
  func anAnswerScansAnotherWhateverTheNumberOfThreads(threads: Int) async throws {
    try await PoolFixture.withPool(.with { $0.threadsPerWorker = threads }) { fixture in
      let sql =
        "SELECT i % 1000 AS k, sum(i) AS total FROM range(500000) r(i) GROUP BY 1 ORDER BY 1"
      for _ in 0..<5 {
        // The sums are HUGEINT, so both forms convert what they scan.
        for form in Self.forms {
          let answer = try await fixture.run(sql) { $0.format = form }
          #expect(answer.types == ["BIGINT", "HUGEINT"] && answer.ending?.rowCount == 1_000)
          #expect(Self.isWhole(answer.bytes, form))
        }
      }
    }
  }

  @Test func answersOfAnySizeNeedNoMoreThanTheWorkersMemory() async throws {
    let small = PoolAdjustment.with { options in
      options.memoryLimitBytes = 192 << 20
      // Nothing may go to disk on the way.
      options.temporaryLimitBytes = 1 << 20
    }
    try await PoolFixture.withPool(small) { fixture in
      for form in Self.forms {
        // Some 660 MB before Parquet compresses them.
        let answer = try await fixture.run(
          "SELECT i, md5(i::VARCHAR) || repeat(md5((i * 7)::VARCHAR), 40) AS t "
            + "FROM range(500000) r(i)", timeoutMs: 300_000,
          {
            $0.format = form
            $0.rowLimit = .max
            $0.resultByteLimit = .max
          }, sink: CountingSink())
        #expect(answer.rowCount == 500_000)
      }
    }
  }

  @Test(arguments: [0, 1, 2_048, 2_049, 99_999, 100_000, 100_001] as [UInt64])
  func rowsAreCutAtTheirLimit(limit: UInt64) async throws {
    try await PoolFixture.withPool { fixture in
      for form in Self.forms {
        for column in ["i", "i::HUGEINT AS i"] {
          let answer = try await fixture.run("SELECT \(column) FROM range(100000) r(i)") {
            $0.format = form
            $0.rowLimit = limit
          }
          #expect(answer.ending?.rowCount == min(limit, 100_000))
          #expect(answer.ending?.truncated == (limit < 100_000))
          #expect(Self.isWhole(answer.bytes, form))
        }
      }
    }
  }

  @Test func aFailedAnswerIsItsStatementsErrorAndTheWorkerGoesOn() async throws {
    try await PoolFixture.withPool(.with { $0.maximumWorkers = 1 }) { fixture in
      for form in Self.forms {
        func failure(_ sql: String) async -> PoolFixture.Failure? {
          await fixture.failure(of: sql) {
            $0.format = form
            $0.rowLimit = .max
            $0.resultByteLimit = .max
          }
        }
        let late = "CAST(CASE WHEN i = 900000 THEN 'x' ELSE '1' END AS BIGINT)"
        #expect(await failure("SELECT \(late) FROM range(1000000) r(i)") == .query(.queryFailed))
        #expect(
          await failure("SELECT \(late)::HUGEINT FROM range(1000000) r(i)")
            == .query(.queryFailed))
        #expect(
          await failure("SELECT 170141183460469231731687303715884105727") == .query(.queryFailed))
        #expect(await failure("SELECT nope") == .query(.invalidSQL))
        #expect(await failure("FROM nosuch") == .query(.tableNotFound))
        #expect(await failure("SELECT $a") == .query(.parametersInvalid))
        let answer = try await fixture.run("SELECT $a AS a") {
          $0.format = form
          $0.parameters = Array(#"{"a": 7}"#.utf8)
        }
        #expect(answer.ending?.rowCount == 1)
      }
      #expect(fixture.pool.statistics.workersLost == 0)
      #expect(fixture.pool.statistics.workersStarted <= 2)
    }
  }

  @Test func aClientThatGoesAwayStopsItsAnswerAndTheWorkerGoesOn() async throws {
    try await PoolFixture.withPool(.with { $0.maximumWorkers = 1 }) { fixture in
      for form in Self.forms {
        let sink = Gatekeeper()
        var query = WorkerQuery(sql: "SELECT i, md5(i::VARCHAR) FROM range(100000000) r(i)")
        query.format = form
        query.rowLimit = .max
        query.resultByteLimit = .max
        let statement = query
        let task = Task { await fixture.outcome(of: statement, into: sink) }
        await sink.firstRows.value()
        task.cancel()
        sink.letGo.decide(())
        #expect(await task.value == .cancelled)
        let answer = try await fixture.run("SELECT 1 AS a") { $0.format = form }
        #expect(Self.isWhole(answer.bytes, form))
      }
      #expect(fixture.pool.statistics.workersLost == 0)
    }
  }

  @Test func parquetNeedsNamesThatDifferMoreThanInCase() async throws {
    try await PoolFixture.withPool { fixture in
      for sql in ["SELECT 1 AS a, 2 AS a", "SELECT 1 AS a, 2 AS \"A\""] {
        let failure = await fixture.failure(of: sql) { $0.format = .parquet }
        #expect(failure == .query(.duplicateColumns))
        let answer = try await fixture.run(sql) { $0.format = .arrow }
        #expect(Self.isWhole(answer.bytes, .arrow))
      }
    }
  }

  @Test func aLimitOfBytesHoldsForBothForms() async throws {
    try await PoolFixture.withPool { fixture in
      for form in Self.forms {
        let failure = await fixture.failure(
          of: "SELECT md5(i::VARCHAR) FROM range(1000000) r(i)"
        ) {
          $0.format = form
          $0.rowLimit = .max
          $0.resultByteLimit = 1 << 20
        }
        #expect(failure == .query(.resultTooLarge))
        try await fixture.expect("SELECT 1", answers: "[1]")
      }
    }
  }

  /// What the worker itself may now write to is no way for anything else.
  @Test func theAnswersPipeIsOpenToNoStatementAndToNothingBetweenAnswers() async throws {
    try await PoolFixture.withPool(.with { $0.answersProbes = true }) { fixture in
      _ = try await fixture.run("SELECT 1 AS a") { $0.format = .parquet }
      for sql in [
        "COPY (SELECT 1) TO '/proc/self/fd/4095'", "FROM '/proc/self/fd/4095'",
        "FROM read_csv('/proc/self/fd/4095')", "FROM _dl_result()", "FROM main._dl_result()",
        "SELECT _dl_result()", "FROM \"_DL_RESULT\"()", "DESCRIBE FROM _dl_result()",
        "EXPLAIN ANALYZE COPY (FROM _dl_result()) TO '/proc/self/fd/4095' (FORMAT parquet)",
        "SELECT 1 AS a) TO '/proc/self/fd/4095' (FORMAT csv); --",
        "SELECT 1 AS a; COPY (SELECT 2) TO '/tmp/x'",
      ] {
        for form in AnswerFormat.allCases {
          let failure = await fixture.failure(of: sql) { $0.format = form }
          #expect(
            failure == .query(.sqlNotAllowed) || failure == .query(.invalidSQL), "\(sql) \(form)")
        }
      }
      for operation in ["write", "truncate", "create"] {
        try await fixture.expectRefused(operation, "/proc/self/fd/4095")
      }
      try await fixture.expectRefused("create", fixture.lake.folder(of: 1) + "/made")
    }
  }

  @Test func explainedPlansHideTheirFilesInEveryForm() async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.lake.write("events", of: 1, as: "SELECT 1 AS id")
      for form in Self.forms {
        let answer = try await fixture.run("EXPLAIN ANALYZE FROM events") { $0.format = form }
        #expect(Self.isWhole(answer.bytes, form))
        #expect(!answer.text.contains(fixture.lake.root))
      }
    }
  }
}

/// Counts an answer without keeping it.
private final class CountingSink: AnswerSink {
  private let rowCountSeen = Lock<UInt64>(0)

  func head(_ head: AnswerHead) async throws {}
  func rows(_ bytes: [UInt8]) async throws {}
  func end(_ end: AnswerEnd) async throws { rowCountSeen.withLock { $0 = end.rowCount } }

  var rowCount: UInt64 { rowCountSeen.withLock { $0 } }
}

extension PoolFixture {
  fileprivate func run(
    _ sql: String, timeoutMs: Int, _ configure: (inout WorkerQuery) -> Void, sink: CountingSink
  ) async throws -> CountingSink {
    var query = WorkerQuery(sql: sql)
    configure(&query)
    try await pool.run(
      query, tenant: lake.binding(1),
      deadline: SystemMonotonicClock().now.advanced(byMs: timeoutMs),
      resolve: lake.resolver(for: 1), output: sink)
    return sink
  }
}

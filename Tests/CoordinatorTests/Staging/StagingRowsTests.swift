import Catalog
import Coordinator
import DuckDB
import Foundation
import IngestBus
import Model
import Testing

// Not under the thread sanitizer, which needs what the child's confinement takes away.
#if !DUCKMESH_RACE_CHECK
  /// What the real child makes of rows, confined as it is when it serves.
  @Suite struct StagingRowsTests {
    private static func start(_ fixture: StagingFixture, sliceBytes: Int) throws -> StagingProcess {
      try StagingProcess(
        .payloads, table: try StagingFixture.table(), folder: fixture.folder,
        options: StagingOptions(
          executable: try StagingFixture.program(), threads: 1, memoryBytes: 256 << 20,
          sliceBytes: sliceBytes, confinement: .require))
    }

    private static func payload(_ id: Int) -> [UInt8] {
      Array(#"{"id":\#(id),"name":"the name of number \#(id)"}"#.utf8)
    }

    @Test func theFilesHaveAllRowsInTheirOrderAndTheFirstOnesAreSmall() async throws {
      try await StagingFixture.with { fixture in
        let process = try Self.start(fixture, sliceBytes: 256 << 10)
        let count = 40_000
        for first in stride(from: 0, to: count, by: 100) {
          try process.send((first..<first + 100).map(Self.payload))
        }
        let rows = try process.finish()
        #expect(rows.refused.isEmpty)
        #expect(rows.files.map(\.name) == rows.files.indices.map { "\($0).parquet" })
        let counts = rows.files.map(\.recordCount)
        #expect(counts.reduce(0, +) == Int64(count))
        #expect(counts.count > 4)
        for index in 1...3 { #expect(counts[index - 1] < counts[index]) }

        let connection = try DuckDBInstance(DuckDBInstance.Options(threads: 1)).connect()
        var next: Int64 = 0
        for file in rows.files {
          let answer = try connection.query(
            """
            SELECT count(*), min(id), max(id), count(*) FILTER (id <> file_row_number + \(next))
            FROM read_parquet('\(fixture.folder)/\(file.name)', file_row_number = true)
            """)
          let last = next + file.recordCount - 1
          #expect(answer.rows.first?.map(\.int64) == [file.recordCount, next, last, 0])
          let id = try #require(file.columns.first { $0.id == 1 })
          #expect(id.minimum == "\(next)" && id.maximum == "\(last)")
          next = last + 1
        }
      }
    }

    @Test func theSmallestRowsAreNotAllInOneSlice() async throws {
      try await StagingFixture.with { fixture in
        let process = try Self.start(fixture, sliceBytes: 64 << 10)
        for _ in 0..<100 { try process.send([[UInt8]](repeating: Array("{}".utf8), count: 200)) }
        let counts = try process.finish().files.map(\.recordCount)
        #expect(counts.reduce(0, +) == 20_000)
        #expect(counts.allSatisfy { $0 < 4_000 })
      }
    }

    @Test func noRowsAreNoFiles() async throws {
      try await StagingFixture.with { fixture in
        let rows = try Self.start(fixture, sliceBytes: 1 << 10).finish()
        #expect(rows.files.isEmpty && rows.refused.isEmpty)
      }
    }

    @Test(arguments: [0, 3]) func aFileThatCannotBeWrittenIsAFailureOfTheEnvironment(
      file: Int
    ) async throws {
      try await StagingFixture.with { fixture in
        // A folder in the file's place.
        try FileManager.default.createDirectory(
          atPath: "\(fixture.folder)/\(file).parquet/full", withIntermediateDirectories: true)
        let process = try Self.start(fixture, sliceBytes: 8 << 10)
        let error = #expect(throws: StagingError.self) {
          for first in stride(from: 0, to: 100_000, by: 100) {
            try process.send((first..<first + 100).map(Self.payload))
          }
          _ = try process.finish()
        }
        guard case .environment(let words) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        #expect(words.contains("\(file).parquet"))
        process.end()
      }
    }

    @Test func anUploadThatIsGivenUpInTheMiddleLeavesNoChild() async throws {
      try await StagingFixture.with { fixture in
        let cancellation = StagingCancellation()
        let process = try StagingProcess(
          .payloads, table: try StagingFixture.table(), folder: fixture.folder,
          options: StagingOptions(
            executable: try StagingFixture.program(), threads: 1, memoryBytes: 256 << 20,
            sliceBytes: 8 << 10, confinement: .require), cancellation: cancellation)
        try process.send((0..<1_000).map(Self.payload))
        cancellation.cancel()
        #expect(throws: StagingError.self) {
          try process.send((0..<1_000).map(Self.payload))
          _ = try process.finish()
        }
        process.end()
      }
    }
  }
#endif

import Catalog
import Foundation
import Model
import TestSupport

/// The official DuckLake extension, run in a process of its own.
struct DuckLakeOracle {
  struct Row: Codable, Equatable {
    let id: Int64
    let note: String?
    init(_ id: Int64, _ note: String?) {
      self.id = id
      self.note = note
    }
    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      id = try list.decode(Int64.self)
      note = try list.decodeIfPresent(String.self)
    }
    func encode(to encoder: any Encoder) throws {
      var list = encoder.unkeyedContainer()
      try list.encode(id)
      if let note { try list.encode(note) } else { try list.encodeNil() }
    }
  }

  struct WriteRequest: Encodable {
    let path: String
    let rows: [Row]
    /// The snapshot that added each row and its row id; of a merged file only.
    let history: [[Int64]]?
  }

  struct WriteAnswer: Decodable {
    struct Statistics: Decodable {
      let columnID: Int64
      let byteCount: Int64
      let valueCount: Int64
      let nullCount: Int64
      let minimum: String?
      let maximum: String?
    }
    let recordCount: Int64
    let byteCount: Int64
    let footerByteCount: Int64
    let statistics: [Statistics]
  }

  struct ReadAnswer: Decodable {
    struct Snapshot: Decodable {
      let snapshot: Int64
      let timeMicroseconds: Int64
      let tables: [String: [Row]?]
    }
    let snapshots: [Snapshot]
    let newest: [String: [Row]?]
  }

  struct InsertRequest: Encodable {
    let catalog: String
    let table: String
    let rows: [Row]
    let extra: String?
    let times: Int
  }

  private struct InsertAnswer: Decodable {
    let failures: Int
  }

  private struct ReadRequest: Encodable {
    let catalog: String
    let tables: [String]
  }

  /// Writes a Parquet file of `rows` below the lake's folder.
  static func write(
    _ rows: [Row], history: [[Int64]]? = nil, of table: TableRecord, lake: String
  ) async throws -> NewDataFile {
    let name = "data-\(RandomHex.digits(16)).parquet"
    let answer: WriteAnswer = try await ask(
      ["write": WriteRequest(path: lake + table.folder + name, rows: rows, history: history)])
    return NewDataFile(
      table: table.id, name: name, recordCount: answer.recordCount, byteCount: answer.byteCount,
      footerByteCount: answer.footerByteCount,
      statistics: answer.statistics.map {
        ColumnStatistics(
          columnID: $0.columnID, byteCount: $0.byteCount, valueCount: $0.valueCount,
          nullCount: $0.nullCount, minimum: $0.minimum, maximum: $0.maximum, containsNaN: nil)
      })
  }

  /// Commits rows as another program does.
  ///
  /// - Returns: how often another writer was first and it had to try again.
  @discardableResult
  static func insert(_ request: InsertRequest) async throws -> Int {
    let answer: InsertAnswer = try await ask(["insert": request])
    return answer.failures
  }

  /// Every snapshot with the rows of each `schema.table`.
  ///
  /// - Parameter catalog: `sqlite:FILE` or `postgres:CONNECTION`.
  static func read(catalog: String, tables: [String]) async throws -> ReadAnswer {
    try await ask(["read": ReadRequest(catalog: catalog, tables: tables)])
  }

  static func ask<Answer: Decodable & Sendable>(
    _ request: [String: some Encodable]
  ) async throws -> Answer {
    try await OracleProgram.run("ducklake_oracle.py", request)
  }
}

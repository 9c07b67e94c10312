import Catalog
import Foundation
import Model

/// What the oracle writes, reads and does of keyed tables.
extension DuckLakeOracle {
  struct KeyedRow: Encodable {
    let id: Int64
    let note: String
    let token: Int64
    let rowID: Int64?

    func encode(to encoder: any Encoder) throws {
      var list = encoder.unkeyedContainer()
      try list.encode(id)
      try list.encode(note)
      try list.encode(token)
      if let rowID { try list.encode(rowID) } else { try list.encodeNil() }
    }
  }

  /// One row of the change feed.
  struct Change: Decodable, Hashable {
    let snapshot: Int64
    let rowID: Int64
    let kind: String
    let id: Int64
    let note: String?

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      snapshot = try list.decode(Int64.self)
      rowID = try list.decode(Int64.self)
      kind = try list.decode(String.self)
      id = try list.decode(Int64.self)
      note = try list.decodeIfPresent(String.self)
    }
  }

  struct FileContent: Decodable {
    let rows: [Row]
    let positions: [Int]
  }

  private struct KeyedWriteRequest: Encodable {
    let path: String
    let rows: [KeyedRow]
  }

  private struct DeleteWriteRequest: Encodable {
    let path: String
    let dataPath: String
    let positions: [Int]
  }

  private struct FileRequest: Encodable {
    let dataPath: String
    let deletePath: String?
  }

  private struct ChangesRequest: Encodable {
    let catalog: String
    let table: String
    let ranges: [[Int64]]
  }

  private struct ChangesAnswer: Decodable { let ranges: [[Change]] }

  private struct ExecuteRequest: Encodable {
    let catalog: String
    let statements: [String]
  }

  private struct ExecuteAnswer: Decodable { let failures: Int }

  /// Writes the file of the name that `planned` has, and says what it is.
  static func write(
    _ rows: [KeyedRow], as planned: NewDataFile, of table: TableRecord, lake: String
  ) async throws -> NewDataFile {
    let answer: WriteAnswer = try await ask([
      "writeKeyed": KeyedWriteRequest(path: lake + table.folder + planned.name, rows: rows)
    ])
    return NewDataFile(
      table: table.id, name: planned.name, recordCount: answer.recordCount,
      byteCount: answer.byteCount, footerByteCount: answer.footerByteCount,
      statistics: answer.statistics.map {
        ColumnStatistics(
          columnID: $0.columnID, byteCount: $0.byteCount, valueCount: $0.valueCount,
          nullCount: $0.nullCount, minimum: $0.minimum, maximum: $0.maximum, containsNaN: nil)
      })
  }

  static func write(
    _ positions: Set<Int>, over dataPath: String, as planned: NewDeleteFile,
    of table: TableRecord, lake: String
  ) async throws -> NewDeleteFile {
    let answer: WriteAnswer = try await ask([
      "writeDeletes": DeleteWriteRequest(
        path: lake + table.folder + planned.name, dataPath: lake + dataPath,
        positions: positions.sorted())
    ])
    return NewDeleteFile(
      table: table.id, dataFile: planned.dataFile, name: planned.name,
      deleteCount: answer.recordCount, byteCount: answer.byteCount,
      footerByteCount: answer.footerByteCount)
  }

  static func content(of file: DataFileRecord, lake: String) async throws -> FileContent {
    try await ask([
      "readFiles": FileRequest(
        dataPath: lake + file.path, deletePath: file.deletes.map { lake + $0.path })
    ])
  }

  static func changes(
    catalog: String, table: String, ranges: [[Int64]]
  ) async throws -> [[Change]] {
    let answer: ChangesAnswer = try await ask([
      "changes": ChangesRequest(catalog: catalog, table: table, ranges: ranges)
    ])
    return answer.ranges
  }

  /// - Returns: how often another writer was first and a statement had to be tried again.
  @discardableResult
  static func execute(catalog: String, _ statements: [String]) async throws -> Int {
    let answer: ExecuteAnswer = try await ask([
      "execute": ExecuteRequest(catalog: catalog, statements: statements)
    ])
    return answer.failures
  }
}

import DuckDB
import Foundation
import Glibc
import Model

/// Turns a client's Parquet file or Arrow stream into rows of a table, in the child: a file of
/// them, or lines of JSON.
///
/// A column must be of the table's type, or of one of which every value is a value of the table's
/// type; values that a JSON request could not bring in are refused here as well.
struct FileConversion {
  private static let mostRows: Int64 = 1_000_000_000
  private static let arrowTable = "arrow_rows"

  let request: StagingRequest
  let engine: DuckDBInstance
  let socket: StagingSocket

  func run() throws -> StagingReply {
    let connection = try engine.connect()
    let source: String
    let found: [(name: String, type: String)]
    do {
      (source, found) = try relation(on: connection)
    } catch let error as DuckDBError {
      if error.kind == .outOfMemory { return needsMemory }
      guard Self.isErrorOfTheData(error) else { throw error }
      return StagingReply(unreadable: "the file cannot be read as \(request.format.rawValue)")
    } catch let error as ArrowStreamError {
      return StagingReply(unreadable: "the Arrow stream cannot be read: \(error.explanation)")
    }
    let plan = ConversionPlan(
      request.columns, found: found, form: request.form, longestRow: request.longestRow)
    guard plan.violations.isEmpty else { return StagingReply(violations: plan.violations) }
    // Rows cost nothing in a file that repeats them, and much where they are written.
    let count = try connection.query("SELECT count(*) FROM \(source)").rows.first?[0].int64 ?? 0
    guard count <= Self.mostRows else {
      return StagingReply(unreadable: "the file has more than \(Self.mostRows) rows")
    }
    // A file of no rows may have no columns either.
    guard count > 0 else { return StagingReply() }
    let query = "SELECT \(plan.projection) FROM \(source)\(plan.restriction)"
    do {
      switch request.form {
      case .files: return StagingReply(files: [try write(query, on: connection)])
      case .lines:
        try RowLines(socket: socket, longestRow: request.longestRow)
          .send(try connection.prepare(query).execute())
        return StagingReply()
      }
    } catch is RowLines.RowTooLong {
      return StagingReply(limit: .rowBytes(request.longestRow))
    } catch let error as DuckDBError {
      if error.kind == .outOfMemory { return needsMemory }
      if ConversionPlan.isTooLong(error.message) {
        return StagingReply(limit: .rowBytes(request.longestRow))
      }
      guard Self.isErrorOfTheData(error) else { throw error }
      if let refusal = ConversionPlan.violation(in: error.message) {
        return StagingReply(violations: [refusal])
      }
      return StagingReply(unreadable: "a value of the file cannot be read or converted")
    }
  }

  /// The same file would need it again.
  private var needsMemory: StagingReply { StagingReply(limit: .memoryBytes(request.memoryBytes)) }

  private func write(
    _ query: String, on connection: DuckDBConnection
  ) throws(DuckDBError) -> StagingReply.File {
    let name = "0.parquet"
    let file = try ParquetFile.write(
      query: query, fieldIDs: request.columns.map(\.field),
      statisticsOf: Set(request.columns.map(\.field.id)), to: "\(request.folder)/\(name)",
      on: connection)
    return StagingReply.File(file, name: name)
  }

  /// SQL of the rows as they came, and their columns.
  private func relation(
    on connection: DuckDBConnection
  ) throws -> (source: String, columns: [(name: String, type: String)]) {
    let path = "\(request.folder)/\(StagingProcess.bodyName)"
    if request.format == .arrow {
      let stream = try ArrowStream(path: path)
      try stream.load(into: Self.arrowTable, on: connection)
      return (Self.arrowTable, stream.fields.map { ($0.name, $0.sqlType) })
    }
    let source = "read_parquet(\(SQLText.literal(path)))"
    let columns = try connection.query("DESCRIBE SELECT * FROM \(source)").rows.compactMap { row in
      row[0].string.flatMap { name in row[1].string.map { (name: name, type: $0) } }
    }
    return (source, columns)
  }

  private static func isErrorOfTheData(_ error: DuckDBError) -> Bool {
    switch error.kind {
    case .outOfMemory, .internal, .fatal: false
    default: !StagingWorker.isStorageFull(error)
    }
  }
}

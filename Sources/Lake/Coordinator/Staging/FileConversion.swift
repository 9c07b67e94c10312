import DuckDB
import Foundation
import Glibc
import Model

/// Turns a client's Parquet file or Arrow stream into rows of a table, in the child.
///
/// A column must be of the table's type, or of one of which every value is a value of the table's
/// type; values that a JSON request could not bring in are refused here as well.
struct FileConversion {
  private static let mostRows: Int64 = 1_000_000_000
  private static let arrowTable = "arrow_rows"

  let request: StagingRequest
  let engine: DuckDBInstance

  func run() throws -> StagingReply {
    let connection = try engine.connect()
    let source: String
    let found: [(name: String, type: String)]
    do {
      (source, found) = try relation(on: connection)
    } catch let error as DuckDBError {
      guard Self.isErrorOfTheData(error) else { throw error }
      return StagingReply(unreadable: "the file cannot be read as \(request.format.rawValue)")
    } catch let error as ArrowStreamError {
      return StagingReply(unreadable: "the Arrow stream cannot be read: \(error.explanation)")
    }
    let plan = ConversionPlan(request.columns, found: found)
    guard plan.violations.isEmpty else { return StagingReply(violations: plan.violations) }
    // Rows cost nothing in a file that repeats them, and much where they are written.
    let count = try connection.query("SELECT count(*) FROM \(source)").rows.first?[0].int64 ?? 0
    guard count <= Self.mostRows else {
      return StagingReply(unreadable: "the file has more than \(Self.mostRows) rows")
    }
    let name = "0.parquet"
    let file: ParquetFile
    do {
      file = try ParquetFile.write(
        query: "SELECT \(plan.projection) FROM \(source)",
        fieldIDs: request.columns.map(\.field),
        statisticsOf: Set(request.columns.map(\.field.id)), to: "\(request.folder)/\(name)",
        on: connection)
    } catch {
      guard Self.isErrorOfTheData(error) else { throw error }
      if let refusal = ConversionPlan.violation(in: error.message) {
        return StagingReply(violations: [refusal])
      }
      return StagingReply(unreadable: "a value of the file cannot be read or converted")
    }
    guard file.recordCount > 0 else {
      unlink("\(request.folder)/\(name)")
      return StagingReply()
    }
    return StagingReply(files: [StagingReply.File(file, name: name)])
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
    default: true
    }
  }
}

import DuckDB
import Foundation
import Glibc
import Model

/// Turns a client's Parquet file into rows of a table, in the child.
///
/// A column must be of the table's type, or of one of which every value is a value of the table's
/// type; values that a JSON request could not bring in are refused here as well.
struct FileConversion {
  let request: StagingRequest
  let engine: DuckDBInstance

  func run() throws -> StagingReply {
    let connection = try engine.connect()
    let source: String
    let found: [(name: String, type: String)]
    do {
      source = try relation(on: connection)
      found = try connection.query("DESCRIBE SELECT * FROM \(source)").rows.compactMap { row in
        row[0].string.flatMap { name in row[1].string.map { (name: name, type: $0) } }
      }
    } catch let error as DuckDBError {
      guard Self.isErrorOfTheData(error) else { throw error }
      return StagingReply(unreadable: "the file cannot be read as \(request.format.rawValue)")
    }
    let plan = ConversionPlan(request.columns, found: found)
    guard plan.violations.isEmpty else { return StagingReply(violations: plan.violations) }
    let name = "0.parquet"
    let file: ParquetFile
    do {
      file = try ParquetFile.write(
        query: "SELECT \(plan.projection) FROM \(source)",
        fieldIDs: request.columns.map { ($0.name, $0.fieldID) },
        statisticsOf: Set(request.columns.map(\.fieldID)), to: "\(request.folder)/\(name)",
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

  /// SQL of the rows as they came.
  private func relation(on connection: DuckDBConnection) throws -> String {
    let path = "\(request.folder)/\(StagingProcess.bodyName)"
    return "read_parquet(\(SQLText.literal(path)))"
  }

  private static func isErrorOfTheData(_ error: DuckDBError) -> Bool {
    switch error.kind {
    case .outOfMemory, .internal, .fatal: false
    default: true
    }
  }
}

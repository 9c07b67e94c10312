import DuckDB
import Foundation
import Rendering

/// Writes answers as a query worker does, into files.
struct Exchange {
  struct Column: Sendable {
    let name: String
    let values: [String?]
  }

  private let instance: DuckDBInstance
  private let scan: DuckDBResultScan

  init() throws {
    instance = try DuckDBInstance(.init(threads: 2))
    scan = try DuckDBResultScan(named: "scanned", on: try instance.connect())
  }

  /// The engine's own text of every value.
  func texts(_ sql: String) throws -> [Column] {
    let connection = try instance.connect()
    let table = try connection.query("SELECT COLUMNS(*)::VARCHAR FROM (\(sql))")
    return table.columns.enumerated().map { index, column in
      Column(name: column.name, values: table.rows.map { $0[index].string })
    }
  }

  @discardableResult
  func write(
    _ sql: String, _ form: String, to path: String, upTo rowLimit: Int = .max
  ) throws -> (rowCount: Int, truncated: Bool) {
    let result = try instance.connect().prepare(sql).execute()
    let connection = try instance.connect()
    let isArrow = form == "arrow"
    let list = ColumnConversion(for: isArrow ? .arrow : .parquet).selectList(result.columns)
    let select = "SELECT \(list ?? "*") FROM scanned()"
    let (_, outcome) = try scan.scanning(result, upTo: rowLimit) {
      if isArrow {
        try writeArrow(try connection.prepare(select).execute(), to: path)
      } else {
        try connection.execute("COPY (\(select)) TO \(sqlLiteral(path)) (FORMAT parquet)")
      }
    }
    return (outcome.rowCount, outcome.truncated)
  }

  /// Without a scan between.
  func writeArrow(
    _ sql: String, to path: String, upTo rowLimit: Int = .max
  ) throws -> ArrowRenderer.Outcome {
    try writeArrow(try instance.connect().prepare(sql).execute(), to: path, upTo: rowLimit)
  }

  @discardableResult
  private func writeArrow(
    _ result: DuckDBResult, to path: String, upTo rowLimit: Int = .max
  ) throws -> ArrowRenderer.Outcome {
    var renderer = try ArrowRenderer(result)
    var bytes = Data()
    var buffer = OutputBuffer()
    let outcome = try renderer.render(upTo: rowLimit, into: &buffer) { buffer in
      buffer.withBytes { bytes.append(contentsOf: $0) }
      buffer.removeAll()
    }
    try bytes.write(to: URL(fileURLWithPath: path))
    return outcome
  }
}

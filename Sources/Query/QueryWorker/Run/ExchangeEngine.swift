import DuckDB
import Rendering
import WorkerProtocol

/// Sends results in the forms that other programs read by the column: Arrow and Parquet.
///
/// **Invariant:** the statement that converts or writes is this one's own text; a tenant's statement
/// is only ever executed as the SELECT that the gate has passed, and its rows are scanned.
struct ExchangeEngine {
  private static let scanName = "_dl_result"
  /// The largest part of an answer that Parquet gathers before it writes.
  private static let rowGroupBytes = 64 << 20

  private let engine: DuckDBInstance
  private let scan: DuckDBResultScan
  private let pipe: AnswerPipe

  /// Once for each engine.
  init(_ engine: DuckDBInstance, pipe: AnswerPipe) throws(DuckDBError) {
    self.engine = engine
    self.pipe = pipe
    scan = try DuckDBResultScan(named: Self.scanName, on: try engine.connect())
  }

  func sendArrow(
    _ result: DuckDBResult, upTo rowLimit: Int, _ frames: AnswerFrames
  ) throws -> AnswerStream.Outcome {
    guard let list = ColumnConversion(for: .arrow).selectList(result.columns) else {
      let outcome = try render(result, upTo: rowLimit, frames)
      return AnswerStream.Outcome(
        rowCount: UInt64(outcome.rowCount), truncated: outcome.truncated)
    }
    let connection = try engine.connect()
    let (_, outcome) = try scan.scanning(result, upTo: rowLimit) {
      let converted = try connection.prepare("SELECT \(list) FROM \(Self.scanName)()").execute()
      return try render(converted, upTo: .max, frames)
    }
    return AnswerStream.Outcome(rowCount: UInt64(outcome.rowCount), truncated: outcome.truncated)
  }

  private func render(
    _ result: DuckDBResult, upTo rowLimit: Int, _ frames: AnswerFrames
  ) throws -> ArrowRenderer.Outcome {
    var renderer = try ArrowRenderer(result)
    var buffer = OutputBuffer()
    return try renderer.render(upTo: rowLimit, into: &buffer) { try frames.flush(&$0) }
  }

  func sendParquet(
    _ result: DuckDBResult, upTo rowLimit: Int, _ frames: AnswerFrames
  ) throws -> AnswerStream.Outcome {
    let list = ColumnConversion(for: .parquet).selectList(result.columns) ?? "*"
    let connection = try engine.connect()
    let copy = """
      COPY (SELECT \(list) FROM \(Self.scanName)()) TO \(sqlLiteral(pipe.path)) (
        FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,
        ROW_GROUP_SIZE_BYTES \(Self.rowGroupBytes), USE_TMP_FILE false)
      """
    let (_, outcome) = try scan.scanning(result, upTo: rowLimit) {
      try pipe.draining(into: frames) { try connection.execute(copy) }
    }
    return AnswerStream.Outcome(rowCount: UInt64(outcome.rowCount), truncated: outcome.truncated)
  }
}

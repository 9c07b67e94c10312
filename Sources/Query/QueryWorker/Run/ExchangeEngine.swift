import DuckDB
import Rendering
import WorkerProtocol

/// Sends results in the forms that other programs read by the column: Arrow and Parquet.
///
/// **Invariant:** the statement that converts or writes is our own text; a tenant's statement is
/// only ever executed as the SELECT that the gate has passed, and its rows are scanned.
struct ExchangeEngine {
  private static let scanName = "_dl_result"
  /// The largest part of an answer that Parquet gathers before it writes, and how much of the
  /// engine's memory that may be: what encodes it takes several times as much.
  private static let maximumRowGroupBytes: UInt64 = 64 << 20
  private static let rowGroupShare: UInt64 = 16

  private let engine: DuckDBInstance
  private let scan: DuckDBResultScan
  private let pipe: AnswerPipe
  private let rowGroupBytes: UInt64

  /// Once for each engine.
  init(
    _ engine: DuckDBInstance, pipe: AnswerPipe, memoryLimitBytes: UInt64
  ) throws(DuckDBError) {
    self.engine = engine
    rowGroupBytes = min(
      Self.maximumRowGroupBytes, max(1 << 20, memoryLimitBytes / Self.rowGroupShare))
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
        ROW_GROUP_SIZE_BYTES \(rowGroupBytes), USE_TMP_FILE false)
      """
    let (_, outcome) = try scan.scanning(result, upTo: rowLimit) {
      try pipe.draining(into: frames) { try connection.execute(copy) }
    }
    return AnswerStream.Outcome(rowCount: UInt64(outcome.rowCount), truncated: outcome.truncated)
  }
}

import DuckDB
import Rendering
import WorkerProtocol

/// Sends a result in the form and within the limits of its query.
struct AnswerStream {
  struct Outcome {
    let rowCount: UInt64
    let truncated: Bool
  }

  /// A frame is sent when the rows in it have reached this size.
  private static let frameBytes = 128 << 10

  let query: WorkerQuery
  let socket: FrameSocket
  let exchange: ExchangeEngine

  /// - Throws: `DuckDBError` of the execution, `QueryFailure` at a limit, `FrameError`.
  func send(_ result: DuckDBResult) throws -> Outcome {
    try checkNames(result)
    try socket.send(
      AnswerHead(
        columns: result.columns.map(\.name), types: result.columns.map { "\($0.type)" }))
    let frames = AnswerFrames(socket, for: query)
    switch query.format {
    case .jsonRows: return try send(result, as: .json, frames)
    case .ndjson: return try send(result, as: .ndjson, frames)
    case .csv: return try send(result, as: .csv, frames)
    case .arrow: return try exchange.sendArrow(result, upTo: rowLimit, frames)
    case .parquet: return try exchange.sendParquet(result, upTo: rowLimit, frames)
    }
  }

  private var rowLimit: Int { Int(clamping: query.rowLimit) }

  private func send(
    _ result: DuckDBResult, as format: RowFormat, _ frames: AnswerFrames
  ) throws -> Outcome {
    let renderer = RowRenderer(
      format: format, columns: result.columns, bigIntsAsStrings: query.bigIntegersAsStrings)
    var buffer = OutputBuffer(capacity: 2 * Self.frameBytes)
    var truncated = false
    renderer.renderHeader(into: &buffer)
    while !truncated, let chunk = try result.nextChunk() {
      var row = 0
      while row < chunk.rowCount {
        guard renderer.rowCount < rowLimit else {
          truncated = true
          break
        }
        row = try renderer.render(
          chunk, from: row, upTo: rowLimit, pauseBytes: Self.frameBytes, into: &buffer)
        if buffer.count >= Self.frameBytes {
          try frames.flush(&buffer)
        }
      }
    }
    try frames.flush(&buffer)
    return Outcome(rowCount: UInt64(renderer.rowCount), truncated: truncated)
  }

  private func checkNames(_ result: DuckDBResult) throws(QueryFailure) {
    let form: String
    switch query.format {
    case .ndjson: form = "NDJSON"
    case .parquet: form = "Parquet"
    case .jsonRows, .csv, .arrow: return
    }
    var seen: Set<String> = []
    for column in result.columns {
      // The engine renames what differs in case alone.
      let name = query.format == .parquet ? SyntaxWalk.folded(column.name) : column.name
      guard seen.insert(name).inserted else {
        throw QueryFailure(
          .duplicateColumns,
          "two columns are called \(SyntaxWalk.quoted(column.name)); \(form) needs distinct names")
      }
    }
  }
}

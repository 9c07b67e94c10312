import DuckDB
import Rendering
import WorkerProtocol

/// Renders a result and sends it in frames, within the limits of its query.
struct AnswerStream {
  struct Outcome {
    let rowCount: UInt64
    let truncated: Bool
  }

  /// A frame is sent when the rows in it have reached this size.
  private static let frameBytes = 128 << 10

  let query: WorkerQuery
  let socket: FrameSocket

  /// - Throws: `DuckDBError` of the execution, `QueryFailure` at a limit, `FrameError`.
  func send(_ result: DuckDBResult) throws -> Outcome {
    try checkNames(result)
    try socket.send(
      AnswerHead(
        columns: result.columns.map(\.name), types: result.columns.map { "\($0.type)" }))
    let rowLimit = Int(clamping: query.rowLimit)
    let renderer = RowRenderer(
      format: query.format.rowFormat, columns: result.columns,
      bigIntsAsStrings: query.bigIntegersAsStrings)
    var buffer = OutputBuffer(capacity: 2 * Self.frameBytes)
    var sentBytes: UInt64 = 0
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
          try flush(&buffer, &sentBytes)
        }
      }
    }
    try flush(&buffer, &sentBytes)
    return Outcome(rowCount: UInt64(renderer.rowCount), truncated: truncated)
  }

  private func checkNames(_ result: DuckDBResult) throws(QueryFailure) {
    guard query.format == .ndjson else { return }
    var seen: Set<String> = []
    for column in result.columns where !seen.insert(column.name).inserted {
      throw QueryFailure(
        .duplicateColumns,
        "two columns are called \(SyntaxWalk.quoted(column.name)); NDJSON needs distinct names")
    }
  }

  private func flush(_ buffer: inout OutputBuffer, _ sentBytes: inout UInt64) throws {
    guard !buffer.isEmpty else { return }
    sentBytes += UInt64(buffer.count)
    guard sentBytes <= query.resultByteLimit else {
      throw QueryFailure(
        .resultTooLarge, "the answer has more than \(query.resultByteLimit) bytes")
    }
    try buffer.withBytes { bytes in
      // One row can be larger than a frame.
      for start in stride(from: 0, to: bytes.count, by: FrameSocket.maximumBodyBytes) {
        let end = min(bytes.count, start + FrameSocket.maximumBodyBytes)
        try socket.send(.rows, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      }
    }
    buffer.removeAll()
  }
}

extension AnswerFormat {
  fileprivate var rowFormat: RowFormat {
    switch self {
    case .jsonRows: .json
    case .ndjson: .ndjson
    case .csv: .csv
    }
  }
}

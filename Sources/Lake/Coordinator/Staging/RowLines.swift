import DuckDB
import Rendering

/// Sends a result's rows from a staging child to the server, as lines of JSON.
struct RowLines {
  /// A frame is sent when the rows in it have reached this size.
  private static let frameBytes = 1 << 20

  /// Rows that are less than a frame, and one more.
  static func longestFrame(row: Int) -> Int { frameBytes + row }

  /// A row is longer than `longestRow`.
  struct RowTooLong: Error {}

  let socket: StagingSocket
  let longestRow: Int

  /// - Throws: `DuckDBError` of the execution, or for JSON that a client could not send as such;
  ///   `RowTooLong`, `StagingSocketError`.
  func send(_ result: DuckDBResult) throws {
    let renderer = RowRenderer(format: .ndjson, columns: result.columns, looseJSON: .refused)
    var buffer = OutputBuffer(capacity: 2 * Self.frameBytes)
    while let chunk = try result.nextChunk() {
      var row = 0
      while row < chunk.rowCount {
        row = try renderer.render(
          chunk, from: row, upTo: .max, pauseBytes: Self.frameBytes, into: &buffer)
        guard buffer.count >= Self.frameBytes else { continue }
        guard buffer.count <= Self.longestFrame(row: longestRow) else { throw RowTooLong() }
        try send(&buffer)
      }
    }
    try send(&buffer)
  }

  private func send(_ buffer: inout OutputBuffer) throws(StagingSocketError) {
    guard !buffer.isEmpty else { return }
    try buffer.withBytes { (bytes) throws(StagingSocketError) in
      try socket.send(.lines, Array(bytes))
    }
    buffer.removeAll()
  }
}

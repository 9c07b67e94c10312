/// Reads CSV records one after another from a source, with bounded memory.
package final class CSVReader {
  private let buffer: RecordBuffer
  private var scanner: CSVScanner
  private let sourceName: String
  /// The physical line at which the next record starts, from 1.
  private var nextLine = 1

  /// Passes over a byte order mark.
  package init(
    _ source: ByteSource, delimiter: UInt8, bufferBytes: Int = 1_048_576
  ) throws(ToolFailure) {
    buffer = RecordBuffer(source, byteCount: bufferBytes)
    scanner = CSVScanner(delimiter: delimiter)
    sourceName = source.name
    try buffer.skipByteOrderMark()
  }

  /// Whether the next record has yet to come from a stream that gives nothing just now.
  var isWaiting: Bool { buffer.isWaiting }

  /// Content bytes before the end of the current record.
  package var consumedByteCount: Int { buffer.consumedByteCount }

  /// Lends the next record and the line at which it starts, from 1; nil at the end. Blank lines are
  /// passed over.
  ///
  /// - Throws: `badRow` for text that is no CSV, `unreadableInput`.
  package func next<Value>(
    _ body: (UnsafeBufferPointer<UInt8>, [CSVScanner.Field], _ line: Int) throws(ToolFailure) ->
      Value
  ) throws(ToolFailure) -> Value? {
    while true {
      if buffer.start == buffer.end {
        if buffer.hasEnded { return nil }
        _ = try buffer.fill()
        continue
      }
      let start = buffer.start
      let step = scanner.scan(buffer.contents, from: start, isComplete: buffer.hasEnded)
      switch step {
      case .incomplete:
        if try !buffer.fill() {
          throw problem("the record is longer than \(RecordBuffer.maximumRecordBytes) bytes")
        }
      case .malformed(let fieldIndex, let reason):
        throw problem("field \(fieldIndex + 1): \(reason)")
      case .record(let next, let lineCount):
        let line = nextLine
        nextLine += lineCount
        buffer.consume(to: next)
        if scanner.fields.count == 1, scanner.fields[0].range.isEmpty, !scanner.fields[0].isQuoted {
          continue
        }
        return try body(buffer.contents, scanner.fields, line)
      }
    }
  }

  private func problem(_ reason: String) -> ToolFailure {
    .badRow(InputProblem(source: sourceName, line: nextLine, column: nil, reason: reason))
  }
}

/// Reads lines one after another from a source, with bounded memory.
package final class LineReader {
  private let buffer: RecordBuffer
  private let sourceName: String
  /// The number of the current line, from 1.
  private var line = 0

  /// Passes over a byte order mark.
  package init(_ source: ByteSource, bufferBytes: Int = 1_048_576) throws(ToolFailure) {
    buffer = RecordBuffer(source, byteCount: bufferBytes)
    sourceName = source.name
    try buffer.skipByteOrderMark()
  }

  /// Whether the next record has yet to come from a stream that gives nothing just now.
  var isWaiting: Bool { buffer.isWaiting }

  /// Content bytes before the end of the current line.
  package var consumedByteCount: Int { buffer.consumedByteCount }

  /// Lends the next line that holds more than white space, without its end, and its number; nil at
  /// the end.
  ///
  /// - Throws: `badRow` for a line over the limit, `unreadableInput`.
  package func next<Value>(
    _ body: (UnsafeBufferPointer<UInt8>, _ line: Int) throws(ToolFailure) -> Value
  ) throws(ToolFailure) -> Value? {
    var searched = 0
    while true {
      let start = buffer.start
      let found = buffer.contents[(start + searched)...].firstIndex(of: 0x0A)
      if found == nil, !buffer.hasEnded {
        searched = buffer.end - start
        if try !buffer.fill() {
          throw .badRow(
            InputProblem(
              source: sourceName, line: line + 1, column: nil,
              reason: "the line is longer than \(RecordBuffer.maximumRecordBytes) bytes"))
        }
        continue
      }
      let end = found ?? buffer.end
      if found == nil, start == end { return nil }
      line += 1
      searched = 0
      buffer.consume(to: found.map { $0 + 1 } ?? end)
      let content = Self.trimmed(buffer.contents, start..<end)
      if content.isEmpty { continue }
      return try body(UnsafeBufferPointer(rebasing: buffer.contents[content]), line)
    }
  }

  private static func trimmed(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> Range<Int> {
    var range = range
    while let first = range.first, isSpace(bytes[first]) { range.removeFirst() }
    while let last = range.last, isSpace(bytes[last]) { range.removeLast() }
    return range
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0D
  }
}

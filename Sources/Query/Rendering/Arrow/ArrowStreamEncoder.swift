import DuckDB

/// Writes rows as an Arrow IPC stream (format version 1.0, metadata version 5): a schema, the
/// dictionaries, a record batch for each chunk, the end.
///
/// Bodies are not compressed. The format: https://arrow.apache.org/docs/format/Columnar.html
package struct ArrowStreamEncoder {
  /// The largest piece that is written before `flush` is asked for.
  private static let pieceBytes = 256 << 10
  private static let metadataVersion: Int16 = 4
  private static let continuation: UInt32 = 0xFFFF_FFFF

  private let columns: [ArrowColumn]
  private var hasSentDictionaries = false

  /// - Throws: `.notImplemented` for a column without a form.
  package init(_ fields: [DuckDBArrowField]) throws(DuckDBError) {
    var nextDictionary: Int64 = 0
    var columns: [ArrowColumn] = []
    for field in fields {
      columns.append(try ArrowColumn(field, nextDictionary: &nextDictionary))
    }
    self.columns = columns
  }

  /// Writes what stands before the first rows.
  package func appendSchema(to buffer: inout OutputBuffer) {
    let schema: [FlatBuffer.Field] = [
      .init(0, .short(0)), .init(1, .tables(columns.map(\.description))),
    ]
    Self.append(header: 1, schema, bodyBytes: 0, to: &buffer)
  }

  /// Writes the first rows of a chunk as a record batch.
  ///
  /// - Parameters:
  ///   - arrays: the chunk's columns.
  ///   - flush: empties the buffer when it has grown; called within a batch too.
  package mutating func append(
    _ arrays: [DuckDBArrowArray], rowCount: Int, to buffer: inout OutputBuffer,
    flush: (inout OutputBuffer) throws -> Void
  ) throws {
    precondition(arrays.count == columns.count)
    if !hasSentDictionaries {
      // An ENUM's labels are the same for all chunks.
      for (array, column) in zip(arrays, columns) {
        try Self.appendDictionaries(of: array, column, to: &buffer, flush)
      }
      hasSentDictionaries = true
    }
    var body = ArrowBody()
    for (array, column) in zip(arrays, columns) {
      try body.add(array, column, count: rowCount)
    }
    let batch = Self.recordBatch(body, rowCount)
    Self.append(header: 3, batch, bodyBytes: body.byteCount, to: &buffer)
    try Self.append(body, to: &buffer, flush)
  }

  /// Writes what stands behind the last rows.
  package func appendEnd(to buffer: inout OutputBuffer) {
    Self.append(Self.continuation, to: &buffer)
    Self.append(UInt32(0), to: &buffer)
  }

  private static func appendDictionaries(
    of array: DuckDBArrowArray, _ column: ArrowColumn, to buffer: inout OutputBuffer,
    _ flush: (inout OutputBuffer) throws -> Void
  ) throws {
    for (index, child) in column.children.enumerated() {
      try appendDictionaries(of: array.child(index), child, to: &buffer, flush)
    }
    guard let dictionary = column.dictionary, let type = dictionary.values.first else { return }
    guard let values = array.dictionary else {
      throw DuckDBError(kind: .internal, message: "an array lacks its dictionary")
    }
    var body = ArrowBody()
    try body.add(values, type, count: values.length)
    let header: [FlatBuffer.Field] = [
      .init(0, .long(dictionary.id)), .init(1, .table(recordBatch(body, values.length))),
    ]
    append(header: 2, header, bodyBytes: body.byteCount, to: &buffer)
    try append(body, to: &buffer, flush)
  }

  private static func recordBatch(_ body: ArrowBody, _ rowCount: Int) -> [FlatBuffer.Field] {
    [
      .init(0, .long(Int64(rowCount))), .init(1, .pairs(body.nodes)),
      .init(2, .pairs(body.places)),
    ]
  }

  /// A message's head: the mark, the length of the metadata with its padding, the metadata.
  private static func append(
    header: UInt8, _ fields: [FlatBuffer.Field], bodyBytes: Int, to buffer: inout OutputBuffer
  ) {
    let message = FlatBuffer([
      .init(0, .short(metadataVersion)), .init(1, .byte(header)), .init(2, .table(fields)),
      .init(3, .long(Int64(bodyBytes))),
    ]).bytes
    let padded = ArrowBody.padded(message.count)
    append(continuation, to: &buffer)
    append(UInt32(padded), to: &buffer)
    message.withUnsafeBytes { buffer.append(contentsOf: $0) }
    appendZeros(padded - message.count, to: &buffer)
  }

  private static func append(
    _ body: ArrowBody, to buffer: inout OutputBuffer,
    _ flush: (inout OutputBuffer) throws -> Void
  ) throws {
    for bytes in body.buffers {
      for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
        let end = min(bytes.count, start + pieceBytes)
        buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        if buffer.count >= pieceBytes { try flush(&buffer) }
      }
      appendZeros(ArrowBody.padded(bytes.count) - bytes.count, to: &buffer)
    }
  }

  private static func append(_ number: UInt32, to buffer: inout OutputBuffer) {
    withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
  }

  private static func appendZeros(_ count: Int, to buffer: inout OutputBuffer) {
    for _ in 0..<count { buffer.append(byte: 0) }
  }
}

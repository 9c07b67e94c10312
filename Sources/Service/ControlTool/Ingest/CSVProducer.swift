/// CSV records as batches.
struct CSVProducer: RecordProducer {
  private let reader: CSVReader
  private let encoder: CSVRowEncoder
  private let keyRule: KeyRule
  /// Fields that make the key, when columns do.
  private let keyFields: [Int]
  private let sourceName: String

  /// - Parameter reader: stands before the first record of data.
  /// - Throws: `usage` for a key column that the input lacks.
  init(
    _ reader: CSVReader, sourceName: String, encoder: CSVRowEncoder, keyRule: KeyRule
  ) throws(ToolFailure) {
    self.reader = reader
    self.encoder = encoder
    self.keyRule = keyRule
    self.sourceName = sourceName
    var keyFields: [Int] = []
    if case .columns(let names) = keyRule {
      for name in names {
        guard let index = encoder.columns.firstIndex(where: { $0.name == name }) else {
          throw .usage("--key names \(name), which the input lacks", command: "ingest")
        }
        keyFields.append(index)
      }
    }
    self.keyFields = keyFields
  }

  func fill(_ builder: inout BatchBuilder) throws(ToolFailure) -> Int? {
    while !builder.isFull {
      if builder.recordCount > 0, reader.isWaiting { break }
      let found: Void? = try reader.next { (bytes, fields, line) throws(ToolFailure) in
        do throws(CSVRowEncoder.Problem) {
          try builder.append(line: line, key: try key(line: line, bytes, fields)) {
            (body) throws(CSVRowEncoder.Problem) in
            try encoder.append(bytes, fields, to: &body)
          }
        } catch {
          throw .badRow(
            InputProblem(
              source: sourceName, line: line, column: error.column, reason: error.reason))
        }
      }
      if found == nil { return builder.recordCount > 0 ? reader.consumedByteCount : nil }
    }
    return reader.consumedByteCount
  }

  private func key(
    line: Int, _ bytes: UnsafeBufferPointer<UInt8>, _ fields: [CSVScanner.Field]
  ) throws(CSVRowEncoder.Problem) -> [UInt8] {
    if case .line(let contentDigest) = keyRule {
      return IdempotencyKey.forLine(line, of: contentDigest)
    }
    var values: [[UInt8]] = []
    for index in keyFields {
      guard index < fields.count, !encoder.isNull(fields[index], in: bytes),
        !fields[index].range.isEmpty
      else {
        throw CSVRowEncoder.Problem(
          column: encoder.columns[index].name, reason: "a key column without a value")
      }
      values.append(encoder.text(of: fields[index], in: bytes))
    }
    return IdempotencyKey.joining(values)
  }
}

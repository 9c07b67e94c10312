/// NDJSON lines as batches: each line goes to the server as it is, once checked.
struct LineProducer: RecordProducer {
  private let reader: LineReader
  private let keyRule: KeyRule
  private let keyColumns: [String]
  private let sourceName: String

  init(_ reader: LineReader, sourceName: String, keyRule: KeyRule) {
    self.reader = reader
    self.keyRule = keyRule
    self.sourceName = sourceName
    if case .columns(let names) = keyRule { keyColumns = names } else { keyColumns = [] }
  }

  func fill(_ builder: inout BatchBuilder) throws(ToolFailure) -> Int? {
    while !builder.isFull {
      if builder.recordCount > 0, reader.isWaiting { break }
      let found: Void? = try reader.next { (bytes, line) throws(ToolFailure) in
        let key = try key(line: line, bytes)
        builder.append(line: line, key: key) { body in body.append(contentsOf: bytes) }
      }
      if found == nil { return builder.recordCount > 0 ? reader.consumedByteCount : nil }
    }
    return reader.consumedByteCount
  }

  private func key(line: Int, _ bytes: UnsafeBufferPointer<UInt8>) throws(ToolFailure) -> [UInt8] {
    let parsed: JSONLine
    do throws(JSONProblem) {
      parsed = try JSONLine(bytes, keyColumns: keyColumns)
    } catch {
      throw problem(line, nil, "\(error.reason) (at byte \(error.offset + 1))")
    }
    if case .line(let contentDigest) = keyRule {
      return IdempotencyKey.forLine(line, of: contentDigest)
    }
    var values: [[UInt8]] = []
    for (name, value) in zip(keyColumns, parsed.keyValues) {
      guard let value, !value.isEmpty else {
        throw problem(line, name, "a key column without a value")
      }
      values.append(value)
    }
    return IdempotencyKey.joining(values)
  }

  private func problem(_ line: Int, _ column: String?, _ reason: String) -> ToolFailure {
    .badRow(InputProblem(source: sourceName, line: line, column: column, reason: reason))
  }
}

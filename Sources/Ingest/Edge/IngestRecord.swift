import Model

/// One record of a request: hashes and places, no text of its own.
package struct IngestRecord: Sendable {
  package let keyHash: KeyHash
  /// Equal for records of equal operation, event time (as an instant) and payload.
  package let contentHash: Int64
  package let operation: IngestOperation
  package let eventTime: Timestamp?
  /// Whether the table's schema takes the record.
  package let isValid: Bool
  let key: TextRange
  let payload: TextRange

  /// A place in the request's body, or among the payloads written anew.
  struct TextRange {
    enum Source { case body, escapedBody, rewritten }
    let source: Source
    let offset: UInt32
    let length: UInt32

    init(_ source: Source, _ offset: Int, _ length: Int) {
      self.source = source
      self.offset = UInt32(truncatingIfNeeded: offset)
      self.length = UInt32(truncatingIfNeeded: length)
    }

    var indices: Range<Int> { Int(offset)..<Int(offset) + Int(length) }
  }
}

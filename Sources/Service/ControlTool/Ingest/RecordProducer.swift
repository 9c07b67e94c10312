/// Reads an input and gives it out as batches.
protocol RecordProducer {
  /// Adds records to the builder until it is full, the input ends, or a stream pauses.
  ///
  /// - Returns: content bytes read so far; nil when the input had ended and nothing was added.
  /// - Throws: `badRow`, `unreadableInput`.
  func fill(_ builder: inout BatchBuilder) throws(ToolFailure) -> Int?
}

/// How records of an input get their keys.
enum KeyRule: Sendable, Equatable {
  /// From the content's digest and the line.
  case line(contentDigest: String)
  /// From these columns, in this order.
  case columns([String])
}

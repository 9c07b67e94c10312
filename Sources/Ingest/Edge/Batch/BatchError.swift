/// Why a batch's body cannot be read, whatever its records hold.
package enum BatchError: Error, Equatable, Sendable {
  case damagedCompression
  /// Decompressed or not, the body has more bytes than are taken.
  case bodyTooLarge(maximum: Int)
  /// Of a table with a primary key, whose batches travel as records.
  case keyedBatchTooLarge(maximum: Int)
  case recordTooLong(line: Int, maximum: Int)
  case headerMissing
  case unknownColumn(name: String, suggestion: String?)
  case columnTwice(name: String)
  /// A quoted field of a CSV body is never closed.
  case quoteNotClosed(line: Int)
  /// A quote inside a field without quotes, or text behind a closing quote.
  case strayQuote(line: Int)
}

/// What one bad record of a batch has wrong with it.
package struct RecordViolation: Equatable, Sendable {
  /// Position in the batch, from 0.
  package let recordIndex: Int
  /// Where the record begins in the body, from 1.
  package let line: Int
  /// Empty when it is the record as a whole.
  package let column: String
  package let expected: String
  package let got: String

  package init(recordIndex: Int, line: Int, column: String, expected: String, got: String) {
    self.recordIndex = recordIndex
    self.line = line
    self.column = column
    self.expected = expected
    self.got = got
  }

  /// Fit for a dead letter.
  package var message: String {
    let place = column.isEmpty ? "" : "\(column): "
    return "\(place)expected \(expected), got \(got)"
  }
}

/// One record of a batch.
package struct BatchRecord: Sendable, Equatable {
  /// What the materialiser takes; of a bad record what was sent, as JSON.
  package var payload: [UInt8]
  /// What is wrong with it; nil for a good one.
  package var rejection: String?

  package init(payload: [UInt8], rejection: String? = nil) {
    self.payload = payload
    self.rejection = rejection
  }
}

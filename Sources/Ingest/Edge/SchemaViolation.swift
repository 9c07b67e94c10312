/// One value of one record that the table's schema refuses.
package struct SchemaViolation: Equatable, Sendable {
  package let recordIndex: Int
  /// The payload's member, or `event_time`.
  package let column: String
  package let expected: String
  /// What stood there, shortened; `no value` when nothing did.
  package let got: String

  package init(recordIndex: Int, column: String, expected: String, got: String) {
    self.recordIndex = recordIndex
    self.column = column
    self.expected = expected
    self.got = got
  }
}

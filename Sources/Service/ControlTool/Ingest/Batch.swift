/// The records of one ingest request, ready to send.
package struct Batch: Sendable {
  /// The whole request body.
  package var body: [UInt8]
  /// The line of the input at which each record starts.
  package var lines: [Int]
  /// Content bytes of the input up to the end of the last record.
  package var consumedByteCount: Int

  package init(body: [UInt8], lines: [Int], consumedByteCount: Int) {
    self.body = body
    self.lines = lines
    self.consumedByteCount = consumedByteCount
  }
}

/// The records of one ingest request, ready to send.
struct Batch: Sendable {
  /// The whole request body.
  var body: [UInt8]
  /// The line of the input at which each record starts.
  var lines: [Int]
  /// Content bytes of the input up to the end of the last record.
  var consumedByteCount: Int
}

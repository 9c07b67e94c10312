import WorkerProtocol

/// Takes an answer as it is made: `head` once, `rows` any number of times, `end` once.
///
/// The worker waits while a call has not returned. After an error, or when the query fails, nothing
/// more is called.
package protocol AnswerSink: Sendable {
  func head(_ head: AnswerHead) async throws
  /// Rendered rows in order; one that is larger than a frame comes in several calls.
  func rows(_ bytes: [UInt8]) async throws
  func end(_ end: AnswerEnd) async throws
}

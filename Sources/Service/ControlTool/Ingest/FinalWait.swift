/// Waits at the end of an ingest until everything it sent can be queried.
///
/// Writing is all that the credential may be good for, so the wait is a write too: the batch with
/// the highest token is sent once more, now to be answered when it is visible. Its keys are known,
/// so it adds nothing; tokens become visible in their order, so all other batches are visible then.
struct FinalWait: Sendable {
  enum Outcome: Sendable, Equatable {
    /// The snapshot that holds everything, where the server named it.
    case visible(snapshot: Int?)
    /// The rows are durable, but whether they are visible is not known.
    case unconfirmed(ToolFailure)
  }

  /// Its policy's attempts are not counted: the time is what ends it.
  private let sender: BatchSender

  init(_ sender: BatchSender, timeoutMs: Int) {
    var policy = sender.policy
    policy.maximumAttempts = .max
    // The server does the waiting, so little is spent between two attempts.
    policy.maximumDelayMs = 500
    policy.maximumRetryAfterMs = 1_000
    self.sender = BatchSender(
      connection: sender.connection, table: sender.table, policy: policy,
      timeoutMs: sender.timeoutMs, stop: sender.stop,
      deadline: ContinuousClock.now + .milliseconds(timeoutMs))
  }

  /// Blocks; adds to the tally what the batch's first answer could not know.
  func run(_ latest: IngestPipeline.Delivered, _ tally: inout IngestTally) -> Outcome {
    var batch = latest.batch
    batch.body.removeLast()
    batch.body += ",\"wait_for_visibility\":true}".utf8
    do throws(ToolFailure) {
      let receipt = try sender.deliver(batch).receipt
      tally.addLate(receipt, of: batch, known: latest.receipt)
      return .visible(snapshot: receipt.snapshot)
    } catch {
      return .unconfirmed(error)
    }
  }
}

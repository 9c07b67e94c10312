import Dispatch
import Synchronization

/// Sends batches over several connections at once while the caller's thread reads and encodes.
///
/// Everything is bounded: as many batches wait as are being sent.
final class IngestPipeline: Sendable {
  private struct State {
    var tally = IngestTally()
    var failure: ToolFailure?
    var failureNotes: [String] = []
    var furthestByte = 0
    var latest: Delivered?
  }

  /// A batch with its receipt.
  struct Delivered: Sendable {
    var batch: Batch
    var receipt: IngestReceipt
  }

  struct Outcome: Sendable {
    var tally: IngestTally
    /// Why not everything was sent.
    var failure: ToolFailure?
    /// Lines of the input that the failure is about.
    var failureNotes: [String]
    /// The batch with the highest token; nil when nothing was sent.
    var latest: Delivered?
  }

  private let sender: BatchSender
  private let sourceName: String
  private let concurrency: Int
  /// Stopped by the user, or by the first failure of this ingest.
  private let stop: StopSignal
  private let progress: ProgressReporter
  private let state = Mutex(State())

  init(
    sender: BatchSender, sourceName: String, concurrency: Int, stop: StopSignal,
    progress: ProgressReporter
  ) {
    self.sender = sender
    self.sourceName = sourceName
    self.concurrency = concurrency
    self.stop = stop
    self.progress = progress
  }

  /// Reads the producer to its end and sends all batches; blocks until the last is answered.
  func run(_ producer: some RecordProducer, _ options: BatchBuilder.Options) -> Outcome {
    let channel = BatchChannel(capacity: concurrency, consumerCount: concurrency)
    stop.onStop { [client = sender.connection.client] reason in
      channel.close(droppingContents: true)
      // A refusal lets what is under way be counted; an interruption does not wait for answers.
      if reason != .workFailed { client.close() }
    }
    let senders = DispatchGroup()
    for number in 0..<concurrency {
      // Serial queues of their own, since each blocks on its request.
      DispatchQueue(label: "duckmeshctl.ingest.\(number)").async(group: senders) {
        self.send(from: channel)
      }
    }
    do throws(ToolFailure) {
      var builder = BatchBuilder(options)
      while stop.reason == nil, let consumed = try producer.fill(&builder) {
        guard channel.push(builder.finish(consumedByteCount: consumed)) else { break }
      }
      // Everything that was read before a bad row is still sent.
      channel.close()
    } catch {
      channel.close()
      fail(error)
    }
    senders.wait()
    if let reason = stop.reason, reason != .workFailed { fail(.interrupted(by: reason)) }
    return state.withLock {
      Outcome(
        tally: $0.tally, failure: $0.failure, failureNotes: $0.failureNotes, latest: $0.latest)
    }
  }

  private func send(from channel: BatchChannel) {
    while let batch = channel.pop() {
      do throws(ToolFailure) {
        let delivery = try sender.deliver(batch)
        let (rows, byte) = state.withLock { state in
          state.tally.add(delivery, of: batch)
          if let token = delivery.receipt.token, token >= state.latest?.receipt.token ?? 0 {
            state.latest = Delivered(batch: batch, receipt: delivery.receipt)
          }
          state.furthestByte = max(state.furthestByte, batch.consumedByteCount)
          return (state.tally.confirmedRows, state.furthestByte)
        }
        progress.report(rows: rows, contentBytes: byte)
      } catch {
        fail(error, notes: RefusedRecords.notes(error, batch, sourceName: sourceName))
        stop.stop(.workFailed)
      }
    }
  }

  private func fail(_ failure: ToolFailure, notes: [String] = []) {
    state.withLock { state in
      guard state.failure == nil else { return }
      state.failure = failure
      state.failureNotes = notes
    }
  }
}

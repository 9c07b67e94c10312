import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// Publishes batches, each in a transaction of its own: what a batch costs is in its body, which is
/// there already.
package struct BatchPublisher: Sendable {
  private let bus: any BatchBus
  private let attempts: Int
  private let clock: any MonotonicClock
  private let metrics: DuckMeshMetrics
  private let onPublished: Publisher.Listener

  package init(
    bus: any BatchBus, attempts: Int = 3, clock: any MonotonicClock, metrics: DuckMeshMetrics,
    onPublished: @escaping Publisher.Listener
  ) {
    self.bus = bus
    self.attempts = attempts
    self.clock = clock
    self.metrics = metrics
    self.onPublished = onPublished
  }

  /// Publishes one batch and returns when it is durable.
  ///
  /// While the outcome is unknown it is sent again: its key answers.
  package func publish(_ batch: BatchPublish) async throws(PublisherError) -> BatchOutcome {
    let started = clock.now
    var flow = PublishProtocol(attemptLimit: attempts)
    var action = flow.begin()
    var reply = Result<BatchOutcome, BusError>.failure(.closed)
    while action == .send {
      do {
        reply = .success(try await bus.publish(batch))
        action = flow.received(.durable)
      } catch {
        reply = .failure(error)
        action = flow.received(
          error.isCertainlyNotApplied ? .certainlyNotApplied : .outcomeUnknown)
      }
    }
    switch (action, reply) {
    case (.acknowledge, .success(let outcome))
    where flow.mayBeApplied && !outcome.tellsOfEarlierSendings:
      throw .outcomeUnknown
    case (.acknowledge, .success(let outcome)):
      CrashPoint.afterPublish.reached()
      metrics.ingest.publishLatencyMs.observe((clock.now - started).milliseconds)
      if case .accepted(let receipt) = outcome {
        metrics.ingest.publishGroupRecords.observe(Double(receipt.count))
        onPublished(batch.tenant, receipt.lastToken, batch.body.byteCount)
      }
      return outcome
    case (.refuse, .failure(let error)): throw PublisherError(error)
    default: throw .outcomeUnknown
    }
  }
}

extension BatchOutcome {
  /// Whether the key was asked: the table and the producer's turn are looked at before it, and an
  /// earlier sending may have come before they changed.
  fileprivate var tellsOfEarlierSendings: Bool {
    switch self {
    case .accepted, .duplicate, .keyReused: true
    case .tableGone, .schemaChanged, .producerFenced, .producerGap, .uploadExpired: false
    }
  }
}

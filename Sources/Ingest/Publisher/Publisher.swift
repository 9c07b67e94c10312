import IngestBus
import Model
import Observability
import Runtime

/// Publishes submissions in groups: one durable transaction for all that gathered meanwhile.
///
/// Tenants are hashed to lanes; a lane publishes one group at a time, so a tenant's submissions
/// keep
/// their order. A submission is answered when its group is durable, never before.
package final class Publisher: Service {
  package struct Options: Sendable {
    package var lanes: Int
    /// Bytes that may wait in one lane.
    package var waitingBytes: Int
    package var waitingRequests: Int
    package var groupBytes: Int
    package var groupRecords: Int
    /// How often a group whose outcome is unknown is sent again before its clients are told.
    package var attempts: Int

    package init(
      lanes: Int = 1, waitingBytes: Int = 256 << 20, waitingRequests: Int = 4_096,
      groupBytes: Int = 64 << 20, groupRecords: Int = 50_000, attempts: Int = 3
    ) {
      self.lanes = lanes
      self.waitingBytes = waitingBytes
      self.waitingRequests = waitingRequests
      self.groupBytes = groupBytes
      self.groupRecords = groupRecords
      self.attempts = attempts
    }
  }

  typealias Answer = OneShot<Result<PublishOutcome, PublisherError>>

  /// Told after each durable group: tenant, its new head, and the bytes of events added.
  package typealias Listener = @Sendable (TenantID, VisibilityToken, Int) -> Void

  package let name = "publisher"
  private let lanes: [PublishLane]
  private let metrics: DuckMeshMetrics

  package init(
    bus: any IngestBus, options: Options, clock: any MonotonicClock, metrics: DuckMeshMetrics,
    logger: Logger, onPublished: @escaping Listener
  ) {
    self.metrics = metrics
    lanes = (0..<options.lanes).map { _ in
      PublishLane(
        bus: bus, options: options, clock: clock, metrics: metrics, logger: logger,
        onPublished: onPublished)
    }
  }

  /// Publishes one request and waits until it is durable.
  ///
  /// Cancelling the task does not take the request back.
  package func publish(
    _ submission: Submission
  ) async throws(PublisherError) -> PublishOutcome {
    let lane = lanes[Int(UInt64(bitPattern: submission.tenant.rawValue) % UInt64(lanes.count))]
    let outcome = try await lane.publish(submission).get()
    metrics.ingest.publishQueueBytes.set(Double(lanes.reduce(0) { $0 + $1.waitingBytes }))
    return outcome
  }

  package func run(shutdown: Shutdown) async throws {
    await withDiscardingTaskGroup { group in
      for lane in lanes { group.addTask { await lane.run(shutdown: shutdown) } }
    }
  }
}

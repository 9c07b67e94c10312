import Coordinator
import IngestBus
import Model
import ObjectStore
import Publisher
import Runtime

/// What batches need beside what all ingest needs; one for all requests.
package final class BatchIngest: Sendable {
  let bus: any BatchBus
  let publisher: BatchPublisher
  let store: any ObjectStore
  let staging: StagingOptions
  /// For reading bodies, which computes and blocks.
  let executor: BlockingExecutor
  /// Bodies that are read at once.
  let readers: AsyncSemaphore
  /// Staging children at once.
  let stagers: AsyncSemaphore

  /// How long a registered upload may take to be named.
  static let uploadLeaseMs = 600_000
  /// How long a batch waits for its turn with its body unread.
  static let turnTimeoutMs = 30_000
  private static let waiters = 4_096

  package init(
    bus: any BatchBus, publisher: BatchPublisher, store: any ObjectStore, limits: Limits.Batch,
    staging: StagingOptions, threads: Int
  ) throws {
    self.bus = bus
    self.publisher = publisher
    self.store = store
    self.staging = staging
    // Staging blocks for as long as its child works: it must not hold up who only reads.
    executor = try BlockingExecutor(
      name: "batch", threadCount: threads + limits.stagedAtOnce, queueLimit: Self.waiters)
    readers = AsyncSemaphore(permits: limits.readAtOnce, maximumWaiters: Self.waiters)
    stagers = AsyncSemaphore(permits: limits.stagedAtOnce, maximumWaiters: limits.readAtOnce)
  }
}

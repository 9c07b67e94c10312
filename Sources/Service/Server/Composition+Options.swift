import Configuration
import Consistency
import Coordinator
import Foundation
import IngestBus
import Model
import Publisher
import Runtime
import WorkerPool
import WorkerProtocol

/// The parts' options as the configuration has them.
extension Composition {
  /// More answers than a server has at a time.
  private static let maximumWaitingPieces = 16_384

  /// Threads that compress answers.
  static func compression() throws -> BlockingExecutor {
    try BlockingExecutor(
      name: "compress", threadCount: max(1, ProcessInfo.processInfo.activeProcessorCount),
      queueLimit: maximumWaitingPieces, stackSizeBytes: 512 << 10)
  }

  /// - Parameter isShared: whether other processes publish to the same bus. They do not tell of it,
  ///   so the bus is asked as often as events may be old.
  static func coordinatorOptions(
    _ limits: Limits.Coordinator, isShared: Bool
  ) -> Coordinator.Options {
    Coordinator.Options(
      flush: FlushSchedule.Options(
        flushIntervalMs: limits.flushIntervalMs, longestAgeMs: limits.maximumAgeMs,
        filesPerSecond: limits.filesPerSecond),
      claim: ClaimLimit(
        tenants: limits.commitTables, bytes: limits.claimBytes, records: limits.claimEvents),
      share: ClaimShare.Options(
        patienceMs: 3 * limits.flushIntervalMs, cedingMs: limits.leaseMs),
      leaseMs: limits.leaseMs, heartbeatMs: limits.heartbeatMs,
      backlogIntervalMs: isShared ? max(50, limits.flushIntervalMs) : 1_000)
  }

  static func publisherOptions(_ limits: Limits.Publish) -> Publisher.Options {
    Publisher.Options(
      lanes: limits.lanes, waitingBytes: limits.queuedBytes,
      waitingRequests: limits.queuedRequests, groupBytes: limits.groupBytes,
      groupRecords: limits.groupRecords)
  }

  static func stagingOptions(
    _ configuration: ServerConfiguration, executable: String
  ) -> StagingOptions {
    let confinement: StagingConfinement =
      switch configuration.sandbox {
      case .require: .require
      case .prefer: .prefer
      case .off: .off
      }
    return StagingOptions(
      executable: executable, threads: configuration.limits.workers.threads,
      memoryBytes: configuration.limits.batch.stagingMemoryBytes,
      // What a body says once and its rows repeat may be more than the body.
      spillBytes: 2 * configuration.limits.batch.bodyBytes,
      // Lines are of tables with a key, whose batches are bounded as well.
      longestRow: min(
        configuration.limits.batch.recordBytes, configuration.limits.request.bodyBytes),
      confinement: confinement)
  }

  static func workerOptions(
    _ configuration: ServerConfiguration, folder: DataFolder, executable: String
  ) -> WorkerPoolOptions {
    let limits = configuration.limits
    var options = WorkerPoolOptions(
      executable: executable, temporaryFolder: folder.path + "/workers")
    options.sandboxMode =
      switch configuration.sandbox {
      case .require: .require
      case .prefer: .prefer
      case .off: .off
      }
    options.maximumWorkers = limits.workers.perNode
    options.maximumRunningPerTenant = limits.query.runningPerTenant
    options.maximumWaitingPerTenant = limits.query.waitingPerTenant
    options.spareWorkers = limits.workers.spares
    options.threadsPerWorker = limits.workers.threads
    options.memoryLimitBytes = UInt64(limits.workers.memoryBytes)
    options.nodeMemoryBytes = UInt64(limits.workers.nodeMemoryBytes)
    options.temporaryLimitBytes = UInt64(limits.workers.temporaryBytes)
    options.graceMs = limits.query.killGraceMs
    options.idleMs = limits.workers.idleSeconds * 1_000
    options.maximumQueriesPerWorker = limits.workers.queriesPerWorker
    return options
  }
}

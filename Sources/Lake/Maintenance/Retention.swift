import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import ObjectStore
import Observability
import Runtime

/// What a retention run did.
package struct RetentionSummary: Sendable, Equatable {
  package var snapshotsExpired = 0
  package var filesDeleted = 0
  package var orphansDeleted = 0
  package var uploadsDeleted = 0
  package var segmentsDeleted = 0
}

/// Thins out snapshots and deletes files that nobody can read any more, in bounded steps.
struct Retention: Sendable {
  /// Snapshots that go in one transaction.
  private static let expiryStep = 500
  private static let snapshotPage = 5_000
  private static let fileStep = 500
  /// Of one tenant, in one transaction.
  private static let segmentStep = 2_000

  let catalog: any Catalog
  let uploads: (any BatchBus)?
  let retained: (any RetainedEvents)?
  let store: any ObjectStore
  let plan: RetentionPlan
  let graceSeconds: Int
  /// A catalog as old as this may be restored, and must find the files that it names.
  let backupWindowSeconds: Int
  let clock: SteadyClock
  let metrics: DuckMeshMetrics
  let logger: Logger

  func expireSnapshots() async throws(EnvironmentFailure) -> Int {
    do throws(CatalogError) {
      _ = try await catalog.sweepPins()
      var expired = 0
      var after: SnapshotID?
      var carried: [SnapshotStub] = []
      while true {
        let page = try await catalog.snapshotStubs(after: after, limit: Self.snapshotPage)
        let stubs = carried + page
        let leaving = plan.expired(stubs, now: clock.now)
        for start in stride(from: 0, to: leaving.count, by: Self.expiryStep) {
          let step = leaving[start..<min(start + Self.expiryStep, leaving.count)]
          expired += try await catalog.expireSnapshots(Array(step))
          CrashPoint.expiryAfterCommit.reached()
        }
        guard page.count == Self.snapshotPage, let last = page.last else { break }
        // The last one was judged without its successor, so it is judged again with it.
        carried = [last]
        after = last.id
      }
      metrics.maintenance.snapshotsExpired.increment(by: expired)
      return expired
    } catch {
      throw .catalog("\(error)")
    }
  }

  /// Deletes the segments that the bus need not keep any longer.
  func trimSegments() async throws(EnvironmentFailure) -> Int {
    guard let retained else { return 0 }
    var deleted = 0
    do {
      while true {
        let step = try await retained.trimSegments(limit: Self.segmentStep)
        deleted += step
        // Fewer than that cannot have been all that one tenant may lose at a time.
        if step < Self.segmentStep { return deleted }
      }
    } catch {
      throw EnvironmentFailure(error)
    }
  }

  /// Deletes files whose grace period is over: no query that could still read them runs any more,
  /// and no catalog that may be restored names them.
  func deleteScheduledFiles() async throws(EnvironmentFailure) -> Int {
    var deleted = 0
    while true {
      let before = clock.now.adding(seconds: -max(graceSeconds, backupWindowSeconds))
      let files: [ScheduledFile]
      do {
        files = try await catalog.scheduledFiles(before: before, limit: Self.fileStep)
      } catch {
        throw .catalog("\(error)")
      }
      guard !files.isEmpty else { break }
      // Gone first, forgotten after: a crash in between deletes them once more, which does nothing.
      do {
        try await store.delete(files.map(\.path))
      } catch {
        throw .storage("\(error)")
      }
      CrashPoint.expiryAfterDelete.reached()
      do {
        try await catalog.forgetScheduled(files.map(\.path))
      } catch {
        throw .catalog("\(error)")
      }
      deleted += files.count
      if files.count < Self.fileStep { break }
    }
    metrics.maintenance.filesDeleted.increment(by: deleted)
    return deleted
  }

  /// Deletes files that were written for commits that never came.
  ///
  /// Never by age alone: only a file whose writer's lease epoch is over and that no row names. Such
  /// a writer is refused by the fence of its commit, whatever it still believes. With a backup
  /// window it stays for that long all the same. After an adoption a file may be one that the life
  /// before it had committed, and that life's queries may still read it.
  func deleteOrphans() async throws(EnvironmentFailure) -> Int {
    let epochs: LeaseEpochs
    do {
      epochs = try await catalog.leaseEpochs()
    } catch {
      throw .catalog("\(error)")
    }
    if let adoptedAt = epochs.adoptedAt {
      let settled = adoptedAt.adding(seconds: max(graceSeconds, backupWindowSeconds))
      guard settled <= clock.now else { return 0 }
    }
    let newest = clock.now.adding(seconds: -backupWindowSeconds)
    var deleted = 0
    var after: String?
    while true {
      let page: [StoredObject]
      do {
        page = try await store.list(prefix: "", after: after, limit: Self.snapshotPage)
      } catch {
        throw .storage("\(error)")
      }
      let candidates = page.filter {
        backupWindowSeconds == 0 || $0.modifiedAt <= newest
      }.map(\.key).filter { Self.isOutlived($0, epochs) }
      if !candidates.isEmpty {
        deleted += try await delete(candidates)
      }
      guard page.count == Self.snapshotPage else { break }
      after = page.last?.key
    }
    return deleted
  }

  private func delete(_ candidates: [String]) async throws(EnvironmentFailure) -> Int {
    let referenced: Set<String>
    do {
      referenced = try await catalog.referencedPaths(among: candidates)
    } catch {
      throw .catalog("\(error)")
    }
    let orphans = candidates.filter { !referenced.contains($0) }
    do {
      try await store.delete(orphans)
    } catch {
      throw .storage("\(error)")
    }
    return orphans.count
  }

  /// Whether a file was written under a lease epoch that is over.
  static func isOutlived(_ key: String, _ epochs: LeaseEpochs) -> Bool {
    let parts = key.split(separator: "/")
    // Between the table's folder and the file may be those of a partition.
    guard parts.count >= 3, let name = parts.last.flatMap({ DataFileName(parsing: String($0)) })
    else {
      return false
    }
    for part in parts.prefix(2) {
      guard let number = part.split(separator: "-").last.flatMap({ Int64($0) }) else { continue }
      if epochs.lostNumbers.contains(where: { $0.contains(number) }) { return true }
    }
    let tenant = "\(parts[0])/"
    let current =
      name.kind.isUnderTenantLease
      ? epochs.tenants[tenant] : epochs.tables["\(tenant)\(parts[1])/"]
    guard let current else { return false }
    return LeaseRules.isOutlived(name.epoch, current: current)
  }
}

/// The time of day that never runs ahead of elapsed time: a clock that is set forward must not make
/// files look old enough to be deleted.
struct SteadyClock: Sendable {
  private let wall: any WallClock
  private let monotonic: any MonotonicClock
  private let startWall: Int64
  private let startMonotonic: MonotonicInstant

  init(wall: any WallClock, monotonic: any MonotonicClock) {
    self.wall = wall
    self.monotonic = monotonic
    startWall = wall.nowMicroseconds
    startMonotonic = monotonic.now
  }

  var now: Timestamp {
    let elapsed = (monotonic.now - startMonotonic).saturatedNanoseconds / 1_000
    return Timestamp(microseconds: min(wall.nowMicroseconds, startWall + elapsed))
  }
}

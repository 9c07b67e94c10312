import Catalog
import Model

/// Which snapshots may go: all are kept for a while, then the last of each minute, then the last of
/// each hour, then none.
package struct RetentionPlan: Sendable {
  package let keepAllSeconds: Int
  package let keepMinutelySeconds: Int
  package let keepHourlySeconds: Int

  package init(keepAllSeconds: Int, keepMinutelySeconds: Int, keepHourlySeconds: Int) {
    self.keepAllSeconds = keepAllSeconds
    self.keepMinutelySeconds = keepMinutelySeconds
    self.keepHourlySeconds = keepHourlySeconds
  }

  /// - Parameter snapshots: in ascending order; the newest of all is never in the answer.
  package func expired(_ snapshots: [SnapshotStub], now: Timestamp) -> [SnapshotID] {
    var expired: [SnapshotID] = []
    for (snapshot, next) in zip(snapshots, snapshots.dropFirst()) {
      let ageSeconds = (now.microseconds - snapshot.time.microseconds) / 1_000_000
      if ageSeconds <= Int64(keepAllSeconds) { continue }
      let bucketSeconds: Int64
      if ageSeconds <= Int64(keepMinutelySeconds) {
        bucketSeconds = 60
      } else if ageSeconds <= Int64(keepHourlySeconds) {
        bucketSeconds = 3_600
      } else {
        expired.append(snapshot.id)
        continue
      }
      // The last of its bucket stays: it shows everything that the bucket's others showed.
      if bucket(snapshot.time, bucketSeconds) == bucket(next.time, bucketSeconds) {
        expired.append(snapshot.id)
      }
    }
    return expired
  }

  private func bucket(_ time: Timestamp, _ seconds: Int64) -> Int64 {
    time.microseconds / 1_000_000 / seconds
  }
}

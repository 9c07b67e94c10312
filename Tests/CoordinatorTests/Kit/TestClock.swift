import Catalog
import LakeTables
import Model
import Runtime

/// The catalog's two clocks, moved by hand.
final class TestClock: Sendable {
  private struct Times {
    var wall: Timestamp
    var lease: Timestamp
  }

  private let times: Lock<Times>

  init() {
    times = Lock(
      Times(
        wall: Timestamp(microseconds: 1_790_000_000_123_456),
        lease: Timestamp(microseconds: 5_000_000)))
  }

  var wall: Timestamp { times.withLock { $0.wall } }
  var lease: Timestamp { times.withLock { $0.lease } }

  func advanceLease(milliseconds: Int) {
    times.withLock { $0.lease = $0.lease.adding(milliseconds: milliseconds) }
  }

  /// Negative values set the time of day back.
  func advanceWall(milliseconds: Int) {
    times.withLock { $0.wall = $0.wall.adding(milliseconds: milliseconds) }
  }

  var catalogClock: CatalogClock {
    CatalogClock(wall: { [self] in wall }, lease: { [self] in lease })
  }
}

import Glibc

/// The seam for the time of day. It may jump; nothing that must be ordered or fenced uses it.
package protocol WallClock: Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  var nowMicroseconds: Int64 { get }
}

/// The time of day of this machine.
package struct SystemWallClock: WallClock {
  package init() {}

  package var nowMicroseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}

/// A time of day that a test sets.
package final class ManualWallClock: WallClock {
  private let microseconds: Lock<Int64>

  package init(microseconds: Int64) {
    self.microseconds = Lock(microseconds)
  }

  package var nowMicroseconds: Int64 {
    microseconds.withLock { $0 }
  }

  package func set(microseconds value: Int64) {
    microseconds.withLock { $0 = value }
  }
}

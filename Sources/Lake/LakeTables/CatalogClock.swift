import Glibc
import Model

/// The catalog's two clocks.
package struct CatalogClock: Sendable {
  /// Time of day, for what people read.
  package let wall: @Sendable () -> Timestamp
  /// Never set back and running through sleep, for leases: one machine, one boot.
  package let lease: @Sendable () -> Timestamp

  package init(
    wall: @escaping @Sendable () -> Timestamp, lease: @escaping @Sendable () -> Timestamp
  ) {
    self.wall = wall
    self.lease = lease
  }

  package static let system = CatalogClock(
    wall: { read(CLOCK_REALTIME) }, lease: { read(CLOCK_BOOTTIME) })

  private static func read(_ clock: clockid_t) -> Timestamp {
    var time = timespec()
    clock_gettime(clock, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }
}

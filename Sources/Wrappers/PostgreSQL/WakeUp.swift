import Glibc

/// A descriptor that becomes readable once, for good, to end a wait for a socket.
final class WakeUp: Sendable {
  let descriptor: Int32
  private let writingEnd: Int32

  /// Nil when the process has no descriptors left.
  init?() {
    var ends: [Int32] = [-1, -1]
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    guard socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else { return nil }
    descriptor = ends[0]
    writingEnd = ends[1]
  }

  deinit {
    close(descriptor)
    close(writingEnd)
  }

  func signal() {
    // A full buffer is readable all the same.
    var byte: UInt8 = 1
    _ = write(writingEnd, &byte, 1)
  }
}

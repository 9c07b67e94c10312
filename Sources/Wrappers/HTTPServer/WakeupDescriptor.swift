import CMicroHTTPD
import Glibc

/// Wakes the supervisor's poll from other threads.
final class WakeupDescriptor: Sendable {
  let readEnd: Int32
  private let writeEnd: Int32

  init() throws(HTTPServerError) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) { pipe2($0, O_CLOEXEC | O_NONBLOCK) }
    }
    guard result == 0 else { throw .cannotStart(code: errno) }
    (readEnd, writeEnd) = ends
  }

  deinit {
    Glibc.close(readEnd)
    Glibc.close(writeEnd)
  }

  func signal() {
    var byte: UInt8 = 1
    // A full pipe wakes as well.
    _ = Glibc.write(writeEnd, &byte, 1)
  }

  func drain() {
    var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &bytes) {
      while Glibc.read(readEnd, $0.baseAddress, $0.count) > 0 {}
    }
  }
}

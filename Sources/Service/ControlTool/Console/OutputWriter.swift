import Glibc
import Synchronization

/// Where a command writes: a descriptor, or a collector in a test. Shared between threads.
package final class OutputWriter: Sendable {
  package enum Failure: Error, Sendable, Equatable {
    /// The reader has gone.
    case closed
    case failed(reason: String)
  }

  /// Writes all the bytes or throws.
  package typealias Sink = @Sendable (UnsafeRawBufferPointer) throws(Failure) -> Void

  private let sink: Sink
  private let buffer = Mutex<[UInt8]>([])
  private static let bufferBytes = 64 * 1_024

  package init(sink: @escaping Sink) {
    self.sink = sink
  }

  /// Writes to an open descriptor. SIGPIPE must be ignored, so that a closed pipe is an error.
  package convenience init(descriptor: Int32) {
    self.init { (bytes: UnsafeRawBufferPointer) throws(Failure) in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        } else if errno == EPIPE {
          throw .closed
        } else if errno != EINTR {
          throw .failed(reason: String(cString: strerror(errno)))
        }
      }
    }
  }

  package func write(_ text: String) throws(Failure) {
    try write(Array(text.utf8))
  }

  package func write(_ bytes: some Sequence<UInt8>) throws(Failure) {
    let full: [UInt8]? = buffer.withLock { buffer in
      buffer.append(contentsOf: bytes)
      guard buffer.count >= Self.bufferBytes else { return nil }
      defer { buffer.removeAll(keepingCapacity: true) }
      return buffer
    }
    if let full { try send(full) }
  }

  package func flush() throws(Failure) {
    let rest = buffer.withLock { buffer in
      defer { buffer.removeAll(keepingCapacity: true) }
      return buffer
    }
    if !rest.isEmpty { try send(rest) }
  }

  private func send(_ bytes: [UInt8]) throws(Failure) {
    var failure: Failure?
    bytes.withUnsafeBytes { pointer in
      do throws(Failure) {
        try sink(pointer)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}

import Glibc
import Runtime

/// Why the other end of a staging child's socket cannot be talked to.
enum StagingSocketError: Error {
  case closed
  case malformed
  case timedOut
}

/// Frames between the server and a staging child: a kind, a length, a body. Every call blocks.
///
/// A deadline is that of a whole frame, however its bytes come.
struct StagingSocket: Sendable {
  enum Kind: UInt8 {
    /// To the child: what to do (`StagingRequest`, JSON).
    case begin = 1
    /// To the child: payloads, each after its length in four bytes.
    case records
    /// To the child: all was sent.
    case finish
    /// From the child: it is confined and ready.
    case ready
    /// From the child: what came of it (`StagingReply`, JSON).
    case reply
    /// From the child, before its reply: whole lines of JSON, at least one.
    case lines
  }

  /// Several times the largest record that a setting allows.
  private static let maximumBodyBytes = 1 << 30
  private static let headerBytes = 5

  let descriptor: Int32

  func send(
    _ kind: Kind, _ body: [UInt8], until deadline: MonotonicInstant = .distantFuture
  ) throws(StagingSocketError) {
    precondition(body.count <= Self.maximumBodyBytes, "a frame is larger than allowed")
    var header: (UInt32, UInt8) = (UInt32(body.count).littleEndian, kind.rawValue)
    try withUnsafeBytes(of: &header) { bytes throws(StagingSocketError) in
      try sendAll(
        UnsafeRawBufferPointer(rebasing: bytes[..<Self.headerBytes]),
        flags: body.isEmpty ? 0 : Int32(MSG_MORE), until: deadline)
    }
    var failure: StagingSocketError?
    body.withUnsafeBytes { bytes in
      do throws(StagingSocketError) {
        try sendAll(bytes, flags: 0, until: deadline)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// - Parameter longestLines: bytes of a frame of lines.
  func receive(
    until deadline: MonotonicInstant = .distantFuture, longestLines: Int = 0
  ) throws(StagingSocketError) -> (kind: Kind, body: [UInt8]) {
    let header = try receive(Self.headerBytes, until: deadline)
    let count = (0..<4).reduce(0) { $0 | Int(header[$1]) << (8 * $1) }
    guard let kind = Kind(rawValue: header[4]),
      count <= (kind == .lines ? longestLines : Self.maximumBodyBytes)
    else { throw .malformed }
    return (kind, count == 0 ? [] : try receive(count, until: deadline))
  }

  /// Whether the other end has said something, or is gone.
  var hasNews: Bool {
    var interest = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&interest, 1, 0) > 0
  }

  private func sendAll(
    _ bytes: UnsafeRawBufferPointer, flags: Int32, until deadline: MonotonicInstant
  ) throws(StagingSocketError) {
    guard let start = bytes.baseAddress else { return }
    let flags = flags | Int32(MSG_NOSIGNAL) | Self.flags(deadline)
    var offset = 0
    while offset < bytes.count {
      let sent = Glibc.send(descriptor, start + offset, bytes.count - offset, flags)
      if sent < 0 {
        try waitOut(errno, POLLOUT, until: deadline)
      } else {
        offset += sent
      }
    }
  }

  private func receive(
    _ count: Int, until deadline: MonotonicInstant
  ) throws(StagingSocketError) -> [UInt8] {
    var failure: StagingSocketError?
    let flags = Self.flags(deadline)
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(StagingSocketError) {
        while initialized < count {
          let received = recv(
            descriptor, buffer.baseAddress.map { $0 + initialized }, count - initialized, flags)
          guard received != 0 else { throw .closed }
          if received < 0 {
            try waitOut(errno, POLLIN, until: deadline)
          } else {
            initialized += received
            if initialized < count { try check(deadline) }
          }
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// One who never lets a call wait would never be late otherwise.
  private func check(_ deadline: MonotonicInstant) throws(StagingSocketError) {
    guard deadline == .distantFuture || SystemMonotonicClock().now < deadline else {
      throw .timedOut
    }
  }

  private static func flags(_ deadline: MonotonicInstant) -> Int32 {
    deadline == .distantFuture ? 0 : Int32(MSG_DONTWAIT)
  }

  /// Waits where a call has failed for want of bytes or room.
  ///
  /// - Throws: `timedOut` at the deadline, `closed` where it failed for something else.
  private func waitOut(
    _ error: Int32, _ events: Int32, until deadline: MonotonicInstant
  ) throws(StagingSocketError) {
    guard error != EINTR else { return }
    guard error == EAGAIN else { throw .closed }
    // Without a deadline the call waits by itself.
    guard deadline != .distantFuture else { return }
    let leftMs = (deadline - SystemMonotonicClock().now).milliseconds.rounded(.up)
    guard leftMs > 0 else { throw .timedOut }
    var interest = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    // Whatever wakes it, the call is tried again and tells.
    _ = poll(&interest, 1, Int32(min(leftMs, Double(Int32.max))))
  }
}

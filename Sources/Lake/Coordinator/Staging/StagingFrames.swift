import Glibc

/// Why the other end of a staging child's socket cannot be talked to.
enum StagingSocketError: Error {
  case closed
  case malformed
  case timedOut
}

/// Frames between the server and a staging child: a kind, a length, a body. Every call blocks.
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

  func send(_ kind: Kind, _ body: UnsafeRawBufferPointer) throws(StagingSocketError) {
    precondition(body.count <= Self.maximumBodyBytes, "a frame is larger than allowed")
    var header: (UInt32, UInt8) = (UInt32(body.count).littleEndian, kind.rawValue)
    try withUnsafeBytes(of: &header) { bytes throws(StagingSocketError) in
      try sendAll(
        UnsafeRawBufferPointer(rebasing: bytes[..<Self.headerBytes]),
        flags: body.isEmpty ? 0 : Int32(MSG_MORE))
    }
    try sendAll(body, flags: 0)
  }

  func send(_ kind: Kind, _ body: [UInt8]) throws(StagingSocketError) {
    var failure: StagingSocketError?
    body.withUnsafeBytes { bytes in
      do throws(StagingSocketError) { try send(kind, bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  func receive() throws(StagingSocketError) -> (kind: Kind, body: [UInt8]) {
    let header = try receive(Self.headerBytes)
    let count = (0..<4).reduce(0) { $0 | Int(header[$1]) << (8 * $1) }
    guard count <= Self.maximumBodyBytes, let kind = Kind(rawValue: header[4]) else {
      throw .malformed
    }
    return (kind, count == 0 ? [] : try receive(count))
  }

  /// Whether the other end has said something, or is gone.
  var hasNews: Bool {
    var interest = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&interest, 1, 0) > 0
  }

  private func sendAll(
    _ bytes: UnsafeRawBufferPointer, flags: Int32
  ) throws(StagingSocketError) {
    guard let start = bytes.baseAddress else { return }
    var offset = 0
    while offset < bytes.count {
      let sent = Glibc.send(
        descriptor, start + offset, bytes.count - offset, flags | Int32(MSG_NOSIGNAL))
      if sent < 0 {
        if errno == EINTR { continue }
        throw errno == EAGAIN ? .timedOut : .closed
      }
      offset += sent
    }
  }

  private func receive(_ count: Int) throws(StagingSocketError) -> [UInt8] {
    var failure: StagingSocketError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count {
        let received = recv(
          descriptor, buffer.baseAddress.map { $0 + initialized }, count - initialized, 0)
        if received < 0, errno == EINTR { continue }
        guard received > 0 else {
          failure = received < 0 && errno == EAGAIN ? .timedOut : .closed
          return
        }
        initialized += received
      }
    }
    if let failure { throw failure }
    return bytes
  }
}

import Glibc

/// Why a frame could not be sent or received.
package enum FrameError: Error, Equatable {
  /// The other side is gone.
  case closed
  /// The other side sent what the protocol does not have.
  case malformed
  /// The body is longer than `FrameSocket.maximumBodyBytes`.
  case tooLong
}

/// One message between the server and a query worker.
package struct Frame: Sendable {
  package let kind: FrameKind
  package let body: [UInt8]

  package init(kind: FrameKind, body: [UInt8]) {
    self.kind = kind
    self.body = body
  }
}

/// Sends and receives frames on a stream socket; every call blocks its thread.
///
/// A frame is `u32 length | u8 kind | body`, the length little-endian and of the body alone.
/// One thread may send while another receives. The descriptor is lent: its owner closes it.
package struct FrameSocket: Sendable {
  package static let maximumBodyBytes = 16 << 20
  private static let headerBytes = 5

  package let descriptor: Int32

  package init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// - Throws: `tooLong` before anything is sent, `closed`.
  package func send(_ kind: FrameKind, _ body: [UInt8]) throws(FrameError) {
    var failure: FrameError?
    body.withUnsafeBytes { bytes in
      do throws(FrameError) {
        try send(kind, bytes)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// - Throws: `closed` also when the peer went away between two frames, `malformed`, `tooLong`.
  package func receive() throws(FrameError) -> Frame {
    var header: (UInt32, UInt8) = (0, 0)
    try withUnsafeMutableBytes(of: &header) { bytes throws(FrameError) in
      try receive(into: UnsafeMutableRawBufferPointer(rebasing: bytes[0..<Self.headerBytes]))
    }
    let count = Int(UInt32(littleEndian: header.0))
    guard count <= Self.maximumBodyBytes else { throw .tooLong }
    guard let kind = FrameKind(rawValue: header.1) else { throw .malformed }
    guard count > 0 else { return Frame(kind: kind, body: []) }
    var failure: FrameError?
    let body = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(FrameError) {
        try receive(into: UnsafeMutableRawBufferPointer(buffer))
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return Frame(kind: kind, body: body)
  }

  /// - Throws: `tooLong` before anything is sent, `closed`.
  package func send(_ kind: FrameKind, _ body: UnsafeRawBufferPointer) throws(FrameError) {
    guard body.count <= Self.maximumBodyBytes else { throw .tooLong }
    var header: (UInt32, UInt8) = (UInt32(body.count).littleEndian, kind.rawValue)
    try withUnsafeBytes(of: &header) { bytes throws(FrameError) in
      let more = body.isEmpty ? 0 : Int32(MSG_MORE)
      try sendAll(UnsafeRawBufferPointer(rebasing: bytes[0..<Self.headerBytes]), flags: more)
    }
    try sendAll(body, flags: 0)
  }

  private func sendAll(_ bytes: UnsafeRawBufferPointer, flags: Int32) throws(FrameError) {
    guard let start = bytes.baseAddress else { return }
    var offset = 0
    while offset < bytes.count {
      let sent = Glibc.send(
        descriptor, start + offset, bytes.count - offset, flags | Int32(MSG_NOSIGNAL))
      if sent < 0 {
        if errno == EINTR { continue }
        throw .closed
      }
      offset += sent
    }
  }

  private func receive(into buffer: UnsafeMutableRawBufferPointer) throws(FrameError) {
    guard let start = buffer.baseAddress else { return }
    var offset = 0
    while offset < buffer.count {
      let received = recv(descriptor, start + offset, buffer.count - offset, 0)
      if received < 0 && errno == EINTR { continue }
      guard received > 0 else { throw .closed }
      offset += received
    }
  }
}

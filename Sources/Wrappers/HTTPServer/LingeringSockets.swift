import Glibc

/// Sockets whose answer is out while their client still sends: they are read empty for a while, as
/// closing at once would reset the connection and could take the answer from the client.
struct LingeringSockets {
  private struct Socket {
    let descriptor: Int32
    let until: ContinuousClock.Instant
    var unreadBudgetBytes = LingeringSockets.budgetBytes
  }

  private static let maxSockets = 64
  private static let budgetBytes = 32 << 20
  private static let longest: Duration = .seconds(5)
  private static let readsPerTurn = 16

  private var sockets: [Socket] = []
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  var descriptors: [Int32] { sockets.map(\.descriptor) }

  mutating func add(_ descriptor: Int32) {
    guard sockets.count < Self.maxSockets else {
      Glibc.close(descriptor)
      return
    }
    _ = Glibc.shutdown(descriptor, Int32(SHUT_WR))
    sockets.append(Socket(descriptor: descriptor, until: .now + Self.longest))
  }

  /// Reads away what has arrived and closes what is at its end.
  mutating func readAway(at now: ContinuousClock.Instant) {
    var kept: [Socket] = []
    for var socket in sockets {
      if now < socket.until, readAway(&socket) {
        kept.append(socket)
      } else {
        Glibc.close(socket.descriptor)
      }
    }
    sockets = kept
  }

  /// - Returns: whether more may come.
  private func readAway(_ socket: inout Socket) -> Bool {
    for _ in 0..<Self.readsPerTurn {
      let count = recv(
        socket.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
      if count < 0 { return errno == EAGAIN || errno == EINTR }
      if count == 0 { return false }
      socket.unreadBudgetBytes -= count
      if socket.unreadBudgetBytes <= 0 { return false }
    }
    return true
  }

  mutating func closeAll() {
    for socket in sockets { Glibc.close(socket.descriptor) }
    sockets = []
    buffer.deallocate()
  }
}

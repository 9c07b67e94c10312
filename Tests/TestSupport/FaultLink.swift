import Dispatch
import Glibc
import Runtime

/// One relayed connection of a `FaultProxy`.
final class FaultLink: Sendable {
  private let client: Int32
  private let server: Int32
  // Weak, or a proxy would never go while a connection stands.
  private weak let proxy: FaultProxy?
  private struct State {
    var isEnded = false
    var releases = 0
  }
  private let state = Lock(State())
  private let gate = DispatchSemaphore(value: 0)

  init(client: Int32, server: Int32, proxy: FaultProxy) {
    self.client = client
    self.server = server
    self.proxy = proxy
    for descriptor in [client, server] {
      var on: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(4))
    }
  }

  deinit {
    close(client)
    close(server)
  }

  func start() {
    for direction in [FaultProxy.Direction.toServer, .toClient] {
      // Without a thread the connection ends, which the test then reports.
      let thread = try? DedicatedThread(name: "fault-pump", stackSizeBytes: 1 << 18) {
        self.pump(direction)
        self.end(withReset: false)
      }
      if thread == nil { end(withReset: false) }
    }
  }

  var isOver: Bool { state.withLock { $0.isEnded } }

  func release() {
    state.withLock { $0.releases += 1 }
    openGate()
  }

  /// One signal for each direction that may be held.
  private func openGate() {
    gate.signal()
    gate.signal()
  }

  /// Returns at the next release, or at the end.
  private func hold() {
    let before = state.withLock { $0.releases }
    while state.withLock({ !$0.isEnded && $0.releases == before }) { gate.wait() }
  }

  func end(withReset: Bool) {
    let isFirst = state.withLock { state in
      defer { state.isEnded = true }
      return !state.isEnded
    }
    guard isFirst else { return }
    for descriptor in [client, server] {
      if withReset {
        // Connecting a TCP socket to no address is how Linux resets it without closing it.
        var nowhere = sockaddr()
        nowhere.sa_family = sa_family_t(AF_UNSPEC)
        connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
      }
      shutdown(descriptor, Int32(SHUT_RDWR))
    }
    openGate()
  }

  // MARK: Relaying

  private func pump(_ direction: FaultProxy.Direction) {
    let (source, target) = direction == .toServer ? (client, server) : (server, client)
    var isStarting = direction == .toServer
    var pending: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(source, &chunk, chunk.count)
      if count <= 0 { return }
      pending.append(contentsOf: chunk[..<count])
      var start = 0
      while let length = Self.messageLength(pending[start...], isStarting: isStarting) {
        let message = pending[start..<start + length]
        start += length
        if isStarting {
          if Self.asksForEncryption(message) {
            guard Self.send([UInt8(ascii: "N")], to: source) else { return }
            continue
          }
        }
        let type = isStarting ? 0 : message[message.startIndex]
        isStarting = false
        guard relay(message, type: type, direction, to: target) else { return }
      }
      pending.removeFirst(start)
    }
  }

  /// Returns false when the connection has ended.
  private func relay(
    _ message: ArraySlice<UInt8>, type: UInt8, _ direction: FaultProxy.Direction, to target: Int32
  ) -> Bool {
    guard let armed = proxy?.fault(at: type, direction) else {
      return Self.send(message, to: target)
    }
    let first = message.prefix(armed.fault.offset)
    guard first.isEmpty || Self.send(first, to: target) else { return false }
    defer { armed.noteStrike() }
    switch armed.fault.action {
    case .cut: end(withReset: false)
    case .reset: end(withReset: true)
    case .hold:
      armed.noteStrike()
      hold()
    case .delay(let milliseconds):
      armed.noteStrike()
      usleep(UInt32(milliseconds) * 1_000)
    }
    guard !state.withLock({ $0.isEnded }) else { return false }
    return Self.send(message.dropFirst(first.count), to: target)
  }

  private static func send(_ bytes: some Collection<UInt8>, to target: Int32) -> Bool {
    let bytes = Array(bytes)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(
          target, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// The length of the first message, once all of it is there. The first one of a client has no
  /// type before its length.
  private static func messageLength(_ bytes: ArraySlice<UInt8>, isStarting: Bool) -> Int? {
    let header = isStarting ? 0 : 1
    guard bytes.count >= header + 4 else { return nil }
    let length = header + bigEndian(bytes, at: header)
    return bytes.count >= length ? length : nil
  }

  private static func asksForEncryption(_ message: ArraySlice<UInt8>) -> Bool {
    // SSLRequest and GSSENCRequest.
    message.count == 8 && [80_877_103, 80_877_104].contains(bigEndian(message, at: 4))
  }

  private static func bigEndian(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Int {
    bytes.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }
}

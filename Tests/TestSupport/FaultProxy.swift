import Glibc
import Runtime

/// A relay on loopback between a PostgreSQL client and its server that breaks at a chosen message
/// of the protocol, to the byte.
///
/// It relays whole messages, so that a fault meets the stream exactly where it is asked for. It
/// declines encryption, which would hide the messages.
package final class FaultProxy: Sendable {
  package enum Direction: Sendable {
    case toServer
    case toClient
  }

  package enum Action: Sendable {
    /// Closes both sides; what was relayed before arrives.
    case cut
    /// Resets both sides; what was relayed before may be lost.
    case reset
    /// Relays nothing more in this direction until `release()`.
    case hold
    /// Relays the rest that much later.
    case delay(milliseconds: Int)
  }

  /// Where and what to break.
  package struct Fault: Sendable {
    package var direction: Direction
    /// The message's type, as `C` for CommandComplete, or nil for any.
    package var message: Character?
    /// Messages of the type that pass before.
    package var skipping = 0
    /// Bytes of the message that are relayed; its type and length are the first five.
    package var offset = 0
    package var action: Action
    /// Whether it strikes every connection rather than once.
    package var isPersistent = false

    package init(
      _ action: Action, _ direction: Direction, at message: Character? = nil, skipping: Int = 0,
      offset: Int = 0, isPersistent: Bool = false
    ) {
      self.action = action
      self.direction = direction
      self.message = message
      self.skipping = skipping
      self.offset = offset
      self.isPersistent = isPersistent
    }
  }

  /// A fault that waits for its message.
  package final class Armed: Sendable {
    let fault: Fault
    let passed = Lock(0)
    private let strike = OneShot<Void>()

    init(_ fault: Fault) { self.fault = fault }

    /// Returns when the fault has struck; to be awaited once.
    package func struck() async { await strike.value() }

    func noteStrike() { strike.decide(()) }
  }

  private struct State {
    var armed: [Armed] = []
    var links: [FaultLink] = []
    var isClosed = false
  }

  package let port: Int
  private let listening: Int32
  private let state = Lock(State())

  package struct SetUpFailure: Error {}

  /// Listens on a port of the system's choice and relays to the server's.
  package init(serverPort: Int) throws {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    listening = socket(AF_INET, kind, 0)
    var address = LoopbackAddress.make(port: 0)
    let descriptor = listening
    let isListening = LoopbackAddress.withPointer(to: &address) { pointer, size in
      var size = size
      return bind(descriptor, pointer, size) == 0 && listen(descriptor, 64) == 0
        && getsockname(descriptor, pointer, &size) == 0
    }
    guard isListening else { throw SetUpFailure() }
    port = Int(in_port_t(bigEndian: address.sin_port))
    _ = try DedicatedThread(name: "fault-proxy", stackSizeBytes: 1 << 18) { [weak self] in
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else { break }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        guard let self else {
          Glibc.close(client)
          break
        }
        self.relay(client, toPort: serverPort)
      }
    }
  }

  deinit { close() }

  /// Has the fault strike when its message comes.
  @discardableResult
  package func arm(_ fault: Fault) -> Armed {
    let armed = Armed(fault)
    state.withLock { $0.armed.append(armed) }
    return armed
  }

  /// Forgets all faults and lets what is held go on.
  package func release() {
    let links: [FaultLink] = state.withLock { state in
      state.armed = []
      return state.links
    }
    for link in links { link.release() }
  }

  /// Cuts all connections that there are.
  package func cutAll() {
    for link in state.withLock({ $0.links }) { link.end(withReset: false) }
  }

  /// Ends all connections and takes no more.
  package func close() {
    let links: [FaultLink]? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.isClosed = true
      return state.links
    }
    guard let links else { return }
    for link in links { link.end(withReset: false) }
    shutdown(listening, Int32(SHUT_RDWR))
    Glibc.close(listening)
  }

  /// The fault that strikes at this message, if any.
  func fault(at message: UInt8, _ direction: Direction) -> Armed? {
    state.withLock { state in
      let index = state.armed.firstIndex { armed in
        guard armed.fault.direction == direction else { return false }
        if let wanted = armed.fault.message, wanted.asciiValue != message { return false }
        return armed.passed.withLock { passed in
          passed += 1
          return passed > armed.fault.skipping
        }
      }
      guard let index else { return nil }
      let armed = state.armed[index]
      if !armed.fault.isPersistent { state.armed.remove(at: index) }
      return armed
    }
  }

  private func relay(_ client: Int32, toPort port: Int) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = LoopbackAddress.make(port: port)
    guard LoopbackAddress.withPointer(to: &address, { connect(server, $0, $1) == 0 }) else {
      Glibc.close(server)
      Glibc.close(client)
      return
    }
    let link = FaultLink(client: client, server: server, proxy: self)
    let isKept = state.withLock { state in
      guard !state.isClosed else { return false }
      // Links that have ended give their descriptors back here.
      state.links.removeAll { $0.isOver }
      state.links.append(link)
      return true
    }
    if isKept { link.start() } else { link.end(withReset: false) }
  }
}

import Glibc
import Synchronization

/// One client connection from its acceptance until the library closes its socket.
///
/// Invariant: the descriptor is used only under this lock while `isOpen`, or while the connection
/// is suspended; the library closes it only after `close()` has run.
final class Connection: Sendable {
  struct State {
    var isOpen = true
    var exchange: Exchange?
    /// Since when the connection has had no request line: the time of its start, or of the end of
    /// the request before.
    var waitingSince: ContinuousClock.Instant
    var hasServedRequest = false
    /// Bytes of the client may be unread when the socket closes, so the close must linger.
    var lingers = false
    /// The client's end was seen with nothing left to read, in this same state of the connection.
    var isAtEnd = false
  }

  let server: ServerCore
  let handle: MHDConnection
  let descriptor: Int32
  private let state: Mutex<State>

  init(server: ServerCore, handle: MHDConnection, descriptor: Int32) {
    self.server = server
    self.handle = handle
    self.descriptor = descriptor
    state = Mutex(State(waitingSince: .now))
  }

  func begin(_ exchange: Exchange) {
    state.withLock {
      $0.exchange = exchange
      $0.isAtEnd = false
    }
  }

  func end(_ exchange: Exchange) {
    let now = ContinuousClock.now
    state.withLock {
      $0.exchange = nil
      $0.waitingSince = now
      $0.hasServedRequest = true
      $0.isAtEnd = false
    }
  }

  var exchange: Exchange? {
    state.withLock { $0.exchange }
  }

  func setLingers() {
    state.withLock { $0.lingers = true }
  }

  /// Marks the descriptor as gone. Returns a duplicate to linger on when that is due.
  func close() -> Int32? {
    state.withLock {
      $0.isOpen = false
      guard $0.lingers else { return nil }
      let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
      return duplicate >= 0 ? duplicate : nil
    }
  }

  /// Ends the connection from outside: the library sees its end and closes it. What the system has
  /// taken over already still reaches the client.
  func shutDown() {
    state.withLock {
      if $0.isOpen { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  /// Like `shutDown`, but the client sees a reset: for answers whose end a mere close would fake.
  func reset() {
    state.withLock {
      guard $0.isOpen else { return }
      // Dissolving the association is how Linux resets a connection whose descriptor stays.
      var nowhere = sockaddr()
      nowhere.sa_family = sa_family_t(AF_UNSPEC)
      _ = connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
    }
  }

  /// Writes an answer past the library, for moments when it takes none. The caller makes sure that
  /// the library writes nothing more on this connection.
  func writeRaw(_ answer: [UInt8]) {
    state.withLock {
      guard $0.isOpen else { return }
      RawAnswer.write(answer, to: descriptor)
      $0.lingers = true
    }
  }

  /// Ends the connection when it waits for a request; used while the server stops.
  func shutDownIfWaiting() {
    state.withLock {
      if $0.isOpen, $0.exchange == nil { _ = Glibc.shutdown(descriptor, Int32(SHUT_RD)) }
    }
  }

  /// Ends the connection when no request line has arrived for too long, however often single bytes
  /// did (the library's own timeout sees inactivity only).
  func shutDownIfOverdue(at now: ContinuousClock.Instant, limits: ReceiveLimits) {
    state.withLock {
      guard $0.isOpen, $0.exchange == nil else { return }
      let allowed = $0.hasServedRequest ? limits.nextRequest : limits.base
      if now - $0.waitingSince > allowed { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  /// Ends the connection when its client has ended it and everything was read, twice in a row: the
  /// library has had the time between two sweeps to act on its own.
  func shutDownIfAtEnd() {
    state.withLock { state in
      guard state.isOpen else { return }
      var entry = pollfd(
        fd: descriptor, events: DisconnectDetector.peerHasClosed, revents: 0)
      guard poll(&entry, 1, 0) > 0, entry.revents & DisconnectDetector.gone != 0 else { return }
      var byte: UInt8 = 0
      let hasUnread = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
      if hasUnread { return }
      if state.isAtEnd { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
      state.isAtEnd = true
    }
  }
}

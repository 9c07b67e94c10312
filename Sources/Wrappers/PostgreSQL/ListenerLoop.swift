import CPostgreSQL
import Glibc
import Runtime

/// What a listener's thread does until it is woken for the end.
final class ListenerLoop: Sendable {
  private enum Ending {
    case stopped
    case lost
  }

  private let options: PostgreSQLListenerOptions
  private let wakeUp: WakeUp
  private let deliver: @Sendable (PostgreSQLListenerEvent) -> Void

  init(
    options: PostgreSQLListenerOptions, wakeUp: WakeUp,
    deliver: @escaping @Sendable (PostgreSQLListenerEvent) -> Void
  ) {
    self.options = options
    self.wakeUp = wakeUp
    self.deliver = deliver
  }

  func run() {
    var failures = 0
    while true {
      if let connection = connect() {
        failures = 0
        deliver(.connected)
        let ending = listen(connection)
        deliver(.disconnected)
        if ending == .stopped { return }
      }
      failures += 1
      let pause = options.backoff.delay(afterAttempt: failures)
      if isWoken(within: SystemMonotonicClock().now.advanced(by: pause)) { return }
    }
  }

  private func connect() -> Connection? {
    let connectionOptions = ConnectionOptions(
      connection: options.connection, applicationName: options.applicationName,
      connectTimeoutMs: options.connectTimeoutMs,
      settings: ConnectionOptions.settings(
        statementTimeoutMs: options.probeIntervalMs, lockTimeoutMs: options.probeIntervalMs,
        idleInTransactionTimeoutMs: options.probeIntervalMs),
      maximumPreparedStatements: 1)
    // Whatever the reason, it is tried again: the calls of a pool say what is wrong.
    guard let connection = try? Connection.connect(connectionOptions) else { return nil }
    let statements = options.channels.map { channel in
      ("LISTEN " + Self.quoted(channel), [PostgreSQLValue]())
    }
    return ask(connection, statements) ? connection : nil
  }

  /// Delivers what comes, and asks a silent connection for a sign of life.
  private func listen(_ connection: Connection) -> Ending {
    while true {
      deliverNotifications(connection)
      let deadline = SystemMonotonicClock().now.advanced(byMs: options.probeIntervalMs)
      switch wait(for: PQsocket(connection.handle), until: deadline) {
      case .stop: return .stopped
      case .silence: if !ask(connection, [("SELECT 1", [])]) { return .lost }
      case .input:
        guard PQconsumeInput(connection.handle) == 1 else { return .lost }
        _ = PQisBusy(connection.handle)
        if connection.notices.isEnding { return .lost }
      }
    }
  }

  private func ask(_ connection: Connection, _ statements: [Connection.Statement]) -> Bool {
    let deadline = SystemMonotonicClock().now.advanced(byMs: options.probeIntervalMs)
    return (try? connection.exchange(statements, keepsPrepared: false, until: deadline)) != nil
  }

  private func deliverNotifications(_ connection: Connection) {
    while let notification = PQnotifies(connection.handle) {
      deliver(
        .notification(
          channel: String(cString: notification.pointee.relname),
          payload: String(cString: notification.pointee.extra)))
      PQfreemem(notification)
    }
  }

  // MARK: Waiting

  private enum Event {
    case stop
    case input
    case silence
  }

  private func wait(for socket: Int32, until deadline: MonotonicInstant) -> Event {
    var descriptors = [
      pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let code = poll(&descriptors, 2, Connection.remainingMs(deadline))
      if code > 0 { return descriptors[0].revents != 0 ? .stop : .input }
      if code < 0, errno == EINTR { continue }
      if Connection.remainingMs(deadline) == 0 { return .silence }
    }
  }

  private func isWoken(within deadline: MonotonicInstant) -> Bool {
    Connection.wait(wakeUp.descriptor, Int16(POLLIN), until: deadline) != 0
  }

  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }
}

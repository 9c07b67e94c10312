/// An HTTP/1.1 server on one address.
///
/// Bytes are moved by the library's threads, handlers run as tasks, one for each request. Back
/// pressure, limits and deadlines are the server's: see `HTTPServerOptions`. The server installs no
/// signal handlers; the process should ignore SIGPIPE.
///
/// Errors that the HTTP library meets while it parses have its own short HTML body and end the
/// connection: 414 and 431 for a head beyond `connectionMemoryBytes`, 400 for a header line
/// without a colon, an unreadable Content-Length or chunk, 413 for a length beyond 64 bits, 505 for
/// other HTTP versions. They are observed as `refused`.
package final class HTTPServer: Sendable {
  package let address: String
  /// The port listened on, also when the options said 0.
  package let port: Int

  private let supervisor: Supervisor

  /// Listens and serves; connections are accepted when this returns.
  ///
  /// - Throws: `invalidAddress`, `addressInUse`, `cannotListen`, `cannotStart`.
  package init(options: HTTPServerOptions, hooks: HTTPServerHooks) throws(HTTPServerError) {
    let listening = try ListeningSocket(address: options.address, port: options.port)
    let core = try ServerCore(options: options, hooks: hooks)
    let daemon = try MHDDaemon(core: core)
    address = options.address
    port = listening.port
    supervisor = Supervisor(core: core)
    do {
      try supervisor.start(listening: listening, daemon: daemon)
    } catch {
      daemon.stop()
      throw error
    }
  }

  deinit {
    supervisor.requestStop(graceSeconds: 0, isUrgent: true)
  }

  package var openConnections: Int { supervisor.core.connections.count }
  /// Requests between their accepted head and the end of their handler.
  package var requestsInFlight: Int { supervisor.core.slots.inUse }
  package var bufferedBodyBytes: Int { supervisor.core.bodies.heldBytes }

  /// Accepts no more, finishes what is in flight within the grace, then cancels the handlers, lets
  /// their answers out for a moment, and ends what is left. Returns when all is down.
  @discardableResult
  package func stop(graceSeconds: Double) async -> HTTPServerStopReport {
    supervisor.requestStop(graceSeconds: graceSeconds, isUrgent: false)
    return await supervisor.untilStopped()
  }

  /// Ends everything at once; also hurries a stop under way.
  @discardableResult
  package func stopNow() async -> HTTPServerStopReport {
    supervisor.requestStop(graceSeconds: 0, isUrgent: true)
    return await supervisor.untilStopped()
  }
}

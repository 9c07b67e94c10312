import Glibc

/// What the supervisor's thread does, turn by turn. Confined to that thread.
final class SupervisorLoop {
  private static let acceptsPerTurn = 256
  private static let stopTickMs: Int32 = 20
  /// How long nothing is accepted after the system has run short of descriptors.
  private static let acceptPauseMs: Int32 = 50

  private let supervisor: Supervisor
  private let core: ServerCore
  private let daemon: MHDDaemon
  private var listening: ListeningSocket?
  private var lingering = LingeringSockets()
  private var disconnects = DisconnectDetector()
  private var polled: [pollfd] = []
  private var nextSweep: ContinuousClock.Instant
  private var progress: StopProgress?
  private var report = HTTPServerStopReport()
  private var acceptsPausedUntil: ContinuousClock.Instant?

  init(supervisor: Supervisor, daemon: MHDDaemon, listening: consuming ListeningSocket) {
    self.supervisor = supervisor
    self.daemon = daemon
    self.listening = consume listening
    core = supervisor.core
    nextSweep = .now
  }

  func run() {
    while true {
      waitForEvents()
      core.wakeup.drain()
      for descriptor in core.takeLingering() { lingering.add(descriptor) }
      acceptWaiting()
      let now = ContinuousClock.now
      lingering.readAway(at: now)
      if now >= nextSweep { sweep(now) }
      if advanceStop(now) { break }
    }
    daemon.stop()
    for descriptor in core.takeLingering() { lingering.add(descriptor) }
    lingering.closeAll()
    supervisor.stopped(report)
  }

  private func waitForEvents() {
    polled.removeAll(keepingCapacity: true)
    polled.append(pollfd(fd: core.wakeup.readEnd, events: Int16(POLLIN), revents: 0))
    for descriptor in lingering.descriptors {
      polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    }
    let now = ContinuousClock.now
    if let pause = acceptsPausedUntil, now >= pause { acceptsPausedUntil = nil }
    if let descriptor = listeningDescriptor, acceptsPausedUntil == nil {
      polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    }
    var timeoutMs = milliseconds(until: nextSweep, from: now)
    if progress != nil { timeoutMs = min(timeoutMs, Self.stopTickMs) }
    if acceptsPausedUntil != nil { timeoutMs = min(timeoutMs, Self.acceptPauseMs) }
    _ = poll(&polled, nfds_t(polled.count), timeoutMs)
  }

  private var listeningDescriptor: Int32? {
    switch listening {
    case .some(let socket): socket.descriptor
    case .none: nil
    }
  }

  private func milliseconds(
    until: ContinuousClock.Instant, from now: ContinuousClock.Instant
  ) -> Int32 {
    let (seconds, attoseconds) = (until - now).components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  private func acceptWaiting() {
    guard acceptsPausedUntil == nil else { return }
    var peer = sockaddr_storage()
    var length = socklen_t(0)
    // Counted here, as the registry learns of a connection a little later.
    var open = core.connections.count
    for _ in 0..<Self.acceptsPerTurn {
      guard let descriptor = listening?.accept(&peer, &length) else {
        if listening != nil, errno == EMFILE || errno == ENFILE || errno == ENOMEM {
          acceptsPausedUntil = .now + .milliseconds(Self.acceptPauseMs)
        }
        return
      }
      guard open < core.options.maxConnections else {
        turnAway(descriptor)
        continue
      }
      open += 1
      daemon.add(descriptor, &peer, length)
    }
  }

  private func turnAway(_ descriptor: Int32) {
    RawAnswer.write(RawAnswer.render(core.refusal(.tooManyConnections, nil)), to: descriptor)
    lingering.add(descriptor)
  }

  private func sweep(_ now: ContinuousClock.Instant) {
    nextSweep = now + .milliseconds(core.options.sweepIntervalMs)
    for connection in core.connections.all {
      let exchange = connection.exchange
      if let exchange {
        exchange.expireIfOverdue(at: now, limits: core.receiveLimits)
      } else {
        connection.shutDownIfOverdue(at: now, limits: core.receiveLimits)
      }
      disconnects.note(exchange, of: connection)
    }
    disconnects.reportGone()
  }

  /// - Returns: whether all is over and the library can be stopped.
  private func advanceStop(_ now: ContinuousClock.Instant) -> Bool {
    guard let request = supervisor.stopRequest else { return false }
    if progress == nil {
      // In this order, so that who finds the port closed also finds connections ending.
      core.beginStopping()
      listening = nil
      progress = StopProgress(
        deadline: request.deadline, isUrgent: request.isUrgent,
        answerGrace: .milliseconds(core.options.cancelledAnswerGraceMs),
        returnGrace: .milliseconds(core.options.handlerReturnGraceMs))
    }
    progress?.hurry(deadline: request.deadline, isUrgent: request.isUrgent)
    let open = core.connections.all
    for connection in open { connection.shutDownIfWaiting() }
    let busy = open.count { $0.exchange != nil }
    switch progress?.next(
      at: now, connections: open.count, exchanges: busy, handlers: core.slots.inUse)
    {
    case .wait, nil: return false
    case .cancelHandlers:
      report.cancelledRequests += core.slots.inUse
      for connection in open { connection.exchange?.cancelHandler() }
      return false
    case .abandonConnections:
      abandon(open)
      return false
    case .finish(let unreturnedHandlers):
      report.unreturnedHandlers = unreturnedHandlers
      core.beginAbandoning()
      return true
    }
  }

  private func abandon(_ open: [Connection]) {
    if !core.isAbandoning, report.cancelledRequests == 0 {
      report.cancelledRequests = core.slots.inUse
    }
    core.beginAbandoning()
    for connection in open {
      if let exchange = connection.exchange { exchange.abandon() } else { connection.shutDown() }
    }
  }
}

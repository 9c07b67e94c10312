import Synchronization

/// One request and its answer.
///
/// The library's thread drives it from request line to answer; the handler runs in a task beside
/// it while the connection is suspended; the sweep may end it from outside. Whoever moves `phase`
/// out of `running` resumes the connection, once.
final class Exchange: Sendable {
  enum Phase {
    /// The request line is known.
    case head
    /// Accepted; the body is being read.
    case receiving
    /// Accepted; the handler runs and reads the body as it arrives. The connection is suspended
    /// while `uploadIsParked`.
    case uploading
    /// Refused; a small body is read away before the answer, so that the connection can be kept.
    case skipping(HTTPResponse)
    /// The connection is suspended and the handler runs.
    case running
    /// The library is about to ask for this answer.
    case answered(HTTPResponse)
    /// The answer is the library's.
    case sending
    /// The connection must end.
    case over(HTTPExchangeSummary.Termination)
  }

  struct State {
    var phase = Phase.head
    var headIsTaken = false
    var head: HTTPRequestHead?
    var context: (any Sendable)?
    var body: [UInt8] = []
    var bodyLimitBytes = 0
    var reservedBytes = 0
    var receivedBytes = 0
    var holdsSlot = false
    var task: Task<Void, Never>?
    var stream: ResponseStream?
    var upload: HTTPBodyStream?
    /// The connection is suspended for want of room in `upload`, since when.
    var uploadParkedAt: ContinuousClock.Instant?
    /// How long the client could not send because of us.
    var uploadPaused: Duration = .zero
    var status = 0
    var answerBytes = 0
    var label = ""
  }

  let connection: Connection
  let rawTarget: [UInt8]
  let startedAt: ContinuousClock.Instant
  let state = Mutex(State())

  init(connection: Connection, rawTarget: [UInt8]) {
    self.connection = connection
    self.rawTarget = rawTarget
    startedAt = .now
  }

  var server: ServerCore { connection.server }

  /// On the library's thread, when request and answer are through or the connection is lost.
  func completed(_ reason: CompletionReason) {
    let last = state.withLock { state -> State in
      let last = state
      state.phase = .over(.completed)
      state.task = nil
      state.stream = nil
      state.upload = nil
      state.body = []
      state.head = nil
      state.holdsSlot = false
      state.reservedBytes = 0
      return last
    }
    // What a handler was started with is given back when it returns.
    if last.holdsSlot { server.slots.giveBack() }
    server.bodies.release(last.reservedBytes)
    let termination = termination(of: last, reason)
    if termination != .completed { last.task?.cancel() }
    last.stream?.detach()
    last.upload?.fail(.cut)
    connection.end(self)
    server.hooks.observe(
      HTTPExchangeSummary(
        head: last.head, rawTarget: rawTarget,
        status: last.status != 0 ? last.status : reason.queuedStatus,
        duration: startedAt.duration(to: .now), requestBodyBytes: last.receivedBytes,
        responseBodyBytes: last.stream?.pulledBytes ?? last.answerBytes,
        termination: termination, label: last.label))
  }

  private func termination(of last: State, _ reason: CompletionReason)
    -> HTTPExchangeSummary.Termination
  {
    if case .over(let termination) = last.phase { return termination }
    if last.stream?.wasAborted == true { return .aborted }
    if case .sending = last.phase {} else if reason.queuedStatus != 0 { return .refused }
    return reason.termination
  }
}

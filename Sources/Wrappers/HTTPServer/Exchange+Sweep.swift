extension Exchange {
  /// A suspension as it was seen: unchanged, the socket has been valid all the time in between.
  enum Suspension: Equatable {
    case running
    case parked(Int)
  }

  var suspension: Suspension? {
    state.withLock { suspension($0) }
  }

  /// Whether more of the request is awaited from the client.
  var isReceiving: Bool {
    state.withLock { state in
      switch state.phase {
      case .head, .receiving, .skipping: true
      case .uploading: state.uploadParkedAt == nil
      case .running, .answered, .sending, .over: false
      }
    }
  }

  private func suspension(_ state: State) -> Suspension? {
    switch state.phase {
    case .running: .running
    case .sending: state.stream?.parking.map { .parked($0) }
    case .head, .receiving, .uploading, .skipping, .answered, .over: nil
    }
  }

  /// The client of a suspended connection has gone: cancels the handler and frees the connection.
  func clientLeft(during seen: Suspension) {
    let (task, stream) = state.withLock {
      state -> (Task<Void, Never>?, ResponseStream?) in
      guard suspension(state) == seen else { return (nil, nil) }
      return (state.task, endSuspension(&state, .clientDisconnected))
    }
    task?.cancel()
    stream?.detach()
  }

  /// Ends a running handler's hold on the connection. A parked stream is returned to be detached,
  /// which resumes the connection.
  private func endSuspension(
    _ state: inout State, _ termination: HTTPExchangeSummary.Termination
  ) -> ResponseStream? {
    let wasRunning = if case .running = state.phase { true } else { false }
    state.phase = .over(termination)
    // Within the lock: nobody else resumes once the phase is not `running`.
    if wasRunning { connection.handle.resume() }
    endUploadPause(&state)
    return state.stream
  }

  /// Answers 408 and ends the connection when the request has not arrived in time.
  func expireIfOverdue(at now: ContinuousClock.Instant, limits: ReceiveLimits) {
    let elapsed = startedAt.duration(to: now)
    guard elapsed > limits.base else { return }
    let overdue = state.withLock { state in
      (isOverdue: isOverdue(state, elapsed, limits), head: state.head)
    }
    guard overdue.isOverdue else { return }
    let answer = RawAnswer.render(server.refusal(.receiveTimeout, overdue.head))
    let isExpired = state.withLock { state in
      guard isOverdue(state, elapsed, limits) else { return false }
      state.phase = .over(.timedOut)
      state.upload?.fail(.cut)
      state.status = HTTPServerRefusal.receiveTimeout.status
      // Within the lock: the library's thread, finding the exchange over, would close first.
      connection.writeRaw(answer)
      return true
    }
    if isExpired { connection.shutDown() }
  }

  private func isOverdue(_ state: State, _ elapsed: Duration, _ limits: ReceiveLimits) -> Bool {
    switch state.phase {
    case .head, .receiving, .skipping:
      elapsed > limits.allowed(receivedBytes: state.receivedBytes)
    case .uploading:
      state.uploadParkedAt == nil
        && elapsed - state.uploadPaused > limits.allowed(receivedBytes: state.receivedBytes)
    case .running, .answered, .sending, .over: false
    }
  }

  /// Lets a handler know that the server stops; its answer is still sent.
  func cancelHandler() {
    state.withLock { $0.task }?.cancel()
  }

  /// Ends the exchange whatever it is doing; the server stops.
  func abandon() {
    let (task, stream) = state.withLock { state -> (Task<Void, Never>?, ResponseStream?) in
      switch state.phase {
      case .over: return (nil, nil)
      case .answered:
        // Already resumed; shutting the socket below ends it.
        return (state.task, state.stream)
      case .head, .receiving, .uploading, .skipping, .running, .sending:
        state.upload?.fail(.cut)
        return (state.task, endSuspension(&state, .serverStopped))
      }
    }
    task?.cancel()
    stream?.detach()
    connection.shutDown()
  }
}

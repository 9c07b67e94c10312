/// What the library is to do next with a connection.
enum ExchangeStep {
  case proceed
  case queue(HTTPResponse)
  /// Ends the connection.
  case end
}

extension Exchange {
  /// Whether the library's next call brings the head; true once.
  func takesHead() -> Bool {
    state.withLock { state in
      defer { state.headIsTaken = true }
      return !state.headIsTaken
    }
  }

  /// On the library's thread, once per request: everything that can be refused before the body.
  func receiveHead(method: String, isHTTP10: Bool) -> ExchangeStep {
    guard !server.isAbandoning else { return .end }
    let headers = connection.handle.collectHeaders()
    let head: HTTPRequestHead
    do {
      head = try HTTPRequestHead(
        method: HTTPMethod(method), target: HTTPRequestTarget(raw: rawTarget), headers: headers,
        isHTTP10: isHTTP10)
    } catch {
      return refuseAndClose(.malformed(error))
    }
    state.withLock { $0.head = head }
    switch server.hooks.decideOnHead(head) {
    case .refuse(let response): return refuse(response, head)
    case .accept(let maxBodyBytes, let context):
      return accept(head, min(maxBodyBytes, server.options.maxBodyBytes), context)
    }
  }

  private func accept(_ head: HTTPRequestHead, _ limitBytes: Int, _ context: (any Sendable)?)
    -> ExchangeStep
  {
    let announced = head.contentLength ?? 0
    guard announced <= limitBytes else {
      return refuse(server.refusal(.bodyTooLarge(limitBytes: limitBytes), head), head)
    }
    guard server.bodies.hasRoom(for: announced) else {
      return refuse(server.refusal(.bodyMemoryExhausted, head), head)
    }
    guard server.slots.take() else {
      return refuse(server.refusal(.tooManyRequests, head), head)
    }
    return state.withLock { state in
      if case .over = state.phase {
        server.slots.giveBack()
        return .end
      }
      state.holdsSlot = true
      state.context = context
      state.bodyLimitBytes = limitBytes
      state.phase = .receiving
      return .proceed
    }
  }

  /// Answers without reading on, or after a small body so that the connection can be kept.
  private func refuse(_ response: HTTPResponse, _ head: HTTPRequestHead) -> ExchangeStep {
    let isSmall = (head.contentLength ?? 0) <= server.options.maxSkippedBodyBytes
    let readsOn = !head.hasBody || (isSmall && !head.framing.expectsContinue)
    return state.withLock { state in
      if case .over = state.phase { return .end }
      if readsOn {
        state.phase = head.hasBody ? .skipping(response) : .answered(response)
        return .proceed
      }
      state.phase = .sending
      connection.setLingers()
      return .queue(response)
    }
  }

  private func refuseAndClose(_ refusal: HTTPServerRefusal) -> ExchangeStep {
    var response = server.refusal(refusal, nil)
    response.closesConnection = true
    connection.setLingers()
    return state.withLock { state in
      if case .over = state.phase { return .end }
      state.phase = .sending
      return .queue(response)
    }
  }

  /// On the library's thread, for each piece of the body.
  func receiveBody(_ piece: UnsafeRawBufferPointer) -> ExchangeStep {
    let refusal: HTTPServerRefusal
    switch state.withLock({ receiveBody(piece, &$0) }) {
    case .taken: return .proceed
    case .end: return .end
    case .refuse(let cause): refusal = cause
    case .answer(let response):
      answerInMidBody(response)
      return .end
    }
    answerInMidBody(server.refusal(refusal, state.withLock { $0.head }))
    return .end
  }

  private enum PieceVerdict {
    case taken
    case refuse(HTTPServerRefusal)
    case answer(HTTPResponse)
    case end
  }

  private func receiveBody(_ piece: UnsafeRawBufferPointer, _ state: inout State) -> PieceVerdict {
    state.receivedBytes += piece.count
    switch state.phase {
    case .receiving:
      let total = state.body.count + piece.count
      guard total <= state.bodyLimitBytes else {
        return .refuse(.bodyTooLarge(limitBytes: state.bodyLimitBytes))
      }
      guard reserve(total, &state) else { return .refuse(.bodyMemoryExhausted) }
      state.body.append(contentsOf: piece)
      return .taken
    case .skipping(let response):
      return state.receivedBytes <= server.options.maxSkippedBodyBytes ? .taken : .answer(response)
    case .head, .running, .answered, .sending, .over: return .end
    }
  }

  /// Bodies are reserved in doubling steps from here; smaller announced ones at once and exactly.
  private static let firstReservationBytes = 16 << 10

  private func reserve(_ total: Int, _ state: inout State) -> Bool {
    guard total > state.reservedBytes else { return true }
    let final = state.head?.contentLength ?? state.bodyLimitBytes
    let step = max(state.reservedBytes * 2, Self.firstReservationBytes)
    let roomy = max(total, min(final, step))
    for next in [roomy, total] where server.bodies.reserve(next - state.reservedBytes) {
      state.reservedBytes = next
      state.body.reserveCapacity(next)
      return true
    }
    return false
  }

  /// In the middle of a body the library takes no answer, but nothing else is being written.
  private func answerInMidBody(_ response: HTTPResponse) {
    let isDue = state.withLock { state in
      if case .over = state.phase { return false }
      state.phase = .over(.completed)
      state.status = response.status
      return true
    }
    if isDue { connection.writeRaw(RawAnswer.render(response)) }
  }
}

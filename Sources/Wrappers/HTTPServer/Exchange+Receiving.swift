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
    case .stream(let maxBodyBytes, let context):
      return acceptStream(head, min(maxBodyBytes, server.options.maxStreamedBodyBytes), context)
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

  /// Starts the handler before the body is there.
  private func acceptStream(
    _ head: HTTPRequestHead, _ limitBytes: Int, _ context: (any Sendable)?
  ) -> ExchangeStep {
    guard head.contentLength ?? 0 <= limitBytes else {
      return refuse(server.refusal(.bodyTooLarge(limitBytes: limitBytes), head), head)
    }
    let heldBytes = server.options.bodyHighWaterBytes
    guard server.bodies.reserve(heldBytes) else {
      return refuse(server.refusal(.bodyMemoryExhausted, head), head)
    }
    guard server.slots.take() else {
      server.bodies.release(heldBytes)
      return refuse(server.refusal(.tooManyRequests, head), head)
    }
    let upload = HTTPBodyStream(highWaterBytes: heldBytes)
    upload.onRoom { [weak self] in self?.resumeUpload() }
    let isOver = state.withLock { state in
      if case .over = state.phase { return true }
      state.phase = .uploading
      state.bodyLimitBytes = limitBytes
      state.upload = upload
      return false
    }
    guard !isOver else {
      server.slots.giveBack()
      server.bodies.release(heldBytes)
      return .end
    }
    start(
      HTTPRequest(head: head, bodyStream: upload, context: context), reservedBytes: heldBytes)
    return .proceed
  }

  /// The reader has made room: the client may send on.
  private func resumeUpload() {
    state.withLock { state in
      guard state.uploadParkedAt != nil else { return }
      endUploadPause(&state)
    }
  }

  /// Resumes a connection that waits for room. Within the lock: whoever takes the mark resumes.
  func endUploadPause(_ state: inout State) {
    guard let since = state.uploadParkedAt else { return }
    state.uploadParkedAt = nil
    state.uploadPaused += since.duration(to: .now)
    connection.handle.resume()
  }

  /// On the library's thread, for each piece of a body that a handler reads.
  private func receiveUpload(_ piece: UnsafeRawBufferPointer, _ upload: HTTPBodyStream) {
    guard upload.append(piece) else { return }
    state.withLock { state in
      // Room may have been made, or the exchange ended, since the piece was taken in.
      guard case .uploading = state.phase, upload.isFull else { return }
      state.uploadParkedAt = .now
      connection.handle.suspend()
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
    case .upload(let upload):
      receiveUpload(piece, upload)
      return .proceed
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
    case upload(HTTPBodyStream)
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
    case .uploading:
      guard state.receivedBytes <= state.bodyLimitBytes, let upload = state.upload else {
        state.upload?.fail(.tooLarge)
        return .refuse(.bodyTooLarge(limitBytes: state.bodyLimitBytes))
      }
      return .upload(upload)
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

  /// A handler answers before it has read the whole body. The connection ends with the next piece
  /// of the body, of which the client's rest is read away.
  ///
  /// - Returns: whether that was the state of things.
  func answerInMidUpload(_ response: HTTPResponse) -> Bool {
    var plain = response
    if case .stream = response.body {
      plain = server.refusal(.invalidResponse, state.withLock { $0.head })
    }
    let answer = RawAnswer.render(plain)
    return state.withLock { state in
      guard case .uploading = state.phase else { return false }
      state.phase = .over(.completed)
      state.status = plain.status
      state.label = response.label
      // Within the lock: the library's thread, finding the exchange over, would close first.
      connection.writeRaw(answer)
      endUploadPause(&state)
      return true
    }
  }
}

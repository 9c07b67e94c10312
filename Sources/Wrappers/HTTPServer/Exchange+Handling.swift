import CMicroHTTPD

extension Exchange {
  /// On the library's thread: the request is complete, or its connection has been resumed.
  func proceed() -> ExchangeStep {
    enum Next {
      case step(ExchangeStep)
      case start(HTTPRequest)
    }
    let next = state.withLock { state -> Next in
      switch state.phase {
      case .receiving:
        guard let head = state.head, !server.isAbandoning else { return .step(.end) }
        let request = HTTPRequest(head: head, body: state.body, context: state.context)
        state.body = []
        state.context = nil
        state.phase = .running
        // Suspended before the task exists, so that its end always finds something to resume.
        connection.handle.suspend()
        return .start(request)
      case .uploading:
        // The body is whole; the handler goes on as any other does.
        state.phase = .running
        connection.handle.suspend()
        state.upload?.finish()
        return .step(.proceed)
      case .skipping(let response), .answered(let response):
        state.phase = .sending
        return .step(.queue(response))
      case .over: return .step(.end)
      case .head, .running, .sending: return .step(.proceed)
      }
    }
    switch next {
    case .step(let step): return step
    case .start(let request):
      // From here the task gives back what the request holds.
      let reservedBytes = state.withLock { state in
        let bytes = state.reservedBytes
        state.reservedBytes = 0
        state.holdsSlot = false
        return bytes
      }
      start(request, reservedBytes: reservedBytes)
      return .proceed
    }
  }

  func start(_ request: HTTPRequest, reservedBytes: Int) {
    let task = Task { await self.run(request, reservedBytes: reservedBytes) }
    let isOver = state.withLock { state in
      if case .over = state.phase { return true }
      state.task = task
      return false
    }
    if isOver { task.cancel() }
  }

  private func run(_ request: HTTPRequest, reservedBytes: Int) async {
    defer { server.slots.giveBack() }
    let response = await server.hooks.handler(request)
    server.bodies.release(reservedBytes)
    if request.bodyStream != nil, answerInMidUpload(response) { return }
    guard case .stream(let produce) = response.body, request.method != .head else {
      answer(response, stream: nil)
      return
    }
    let stream = ResponseStream(highWaterBytes: server.options.streamHighWaterBytes)
    // Also when nobody waits any more, so that the producer can give back what it holds: its first
    // write tells it.
    if !answer(response, stream: stream) { stream.detach() }
    await produce(stream)
    // Without effect on a stream that was finished.
    stream.abort()
  }

  /// - Returns: whether somebody still waits for the answer.
  @discardableResult
  private func answer(_ response: HTTPResponse, stream: ResponseStream?) -> Bool {
    let isAwaited = state.withLock { state in
      guard case .running = state.phase else { return false }
      state.phase = .answered(response)
      state.stream = stream
      return true
    }
    if isAwaited { connection.handle.resume() }
    return isAwaited
  }

  /// On the library's thread: hands an answer to the library.
  func queue(_ response: HTTPResponse) -> MHD_Result {
    if let result = tryQueue(response) { return result }
    let head = state.withLock { $0.head }
    return tryQueue(server.refusal(.invalidResponse, head)) ?? .NO
  }

  /// - Returns: nil when the answer is not one that can be sent.
  private func tryQueue(_ response: HTTPResponse) -> MHD_Result? {
    guard (200...599).contains(response.status) else { return nil }
    let (stream, isHTTP10) = state.withLock { ($0.stream, $0.head?.isHTTP10 ?? false) }
    switch response.body {
    case .bytes(let bytes):
      note(response, bytes.count)
      guard let made = MHDResponse(bytes: bytes) else { return .NO }
      return send(made, response)
    case .stream:
      note(response, 0)
      // A HEAD request has no stream: one that nobody writes to stands for it.
      let source = stream ?? ResponseStream(highWaterBytes: 1)
      guard let made = MHDResponse(stream: source, connection: connection) else { return .NO }
      if stream == nil { made.endByClose() }
      source.attach(to: connection, resetsOnAbort: isHTTP10)
      return send(made, response)
    }
  }

  private func note(_ response: HTTPResponse, _ bytes: Int) {
    state.withLock {
      $0.status = response.status
      $0.answerBytes = bytes
      $0.label = response.label
    }
  }

  private func send(_ made: borrowing MHDResponse, _ response: HTTPResponse) -> MHD_Result? {
    for field in response.fields where !made.add(field.name, field.value) {
      guard ReservedFields.contains(field.name) else { return nil }
    }
    if !response.trailerNames.isEmpty {
      guard made.add("Trailer", response.trailerNames.joined(separator: ", ")) else { return nil }
    }
    if response.closesConnection || server.isStopping {
      _ = made.add("Connection", "close")
    }
    return made.queue(on: connection.handle, status: response.status)
  }
}

import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
  let options: HTTPServerOptions
  let hooks: HTTPServerHooks
  let bodies: BodyBudget
  let slots: RequestSlots
  let connections = ConnectionRegistry()
  let receiveLimits: ReceiveLimits
  let wakeup: WakeupDescriptor

  private let stopping = Atomic<Bool>(false)
  private let abandoning = Atomic<Bool>(false)
  private let lingering = Mutex<[Int32]>([])

  init(options: HTTPServerOptions, hooks: HTTPServerHooks) throws(HTTPServerError) {
    self.options = options
    self.hooks = hooks
    bodies = BodyBudget(limitBytes: options.maxBufferedBodyBytes)
    slots = RequestSlots(limit: options.maxRequestsInFlight)
    receiveLimits = ReceiveLimits(options)
    wakeup = try WakeupDescriptor()
  }

  /// No new connections; answers say `Connection: close`.
  var isStopping: Bool { stopping.load(ordering: .relaxed) }
  /// Nothing may be suspended any more.
  var isAbandoning: Bool { abandoning.load(ordering: .acquiring) }

  func beginStopping() { stopping.store(true, ordering: .relaxed) }
  func beginAbandoning() { abandoning.store(true, ordering: .releasing) }

  /// The answer for a refusal of our own, with the parts that no hook may change.
  func refusal(_ refusal: HTTPServerRefusal, _ head: HTTPRequestHead?) -> HTTPResponse {
    var response = hooks.refusalResponse(refusal, head)
    if case .stream = response.body { response.body = .bytes([]) }
    response.status = refusal.status
    if refusal.status == 503, !response.fields.contains(where: { $0.name == "Retry-After" }) {
      response.fields.append(.init("Retry-After", String(options.retryAfterSeconds)))
    }
    return response
  }

  /// Hands over a socket that the supervisor reads empty before it closes.
  func lingerOn(_ descriptor: Int32) {
    lingering.withLock { $0.append(descriptor) }
    wakeup.signal()
  }

  func takeLingering() -> [Int32] {
    lingering.withLock { queue in
      defer { queue = [] }
      return queue
    }
  }
}

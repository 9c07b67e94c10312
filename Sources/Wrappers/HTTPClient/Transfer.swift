import CCurl
import Synchronization

/// One request on its way: waiting, running on a worker, or complete. It completes exactly once.
final class Transfer: Sendable {
  typealias Outcome = Result<ClientResponse, HTTPClientError>
  typealias Sink = @Sendable (UnsafeRawBufferPointer) -> Bool

  private struct State {
    var completion: (@Sendable (Outcome) -> Void)?
    var stopReason: HTTPClientError?
    var runningOn: MultiHandle?
  }

  let request: PreparedRequest
  let sink: Sink?
  private let state = Mutex(State())

  init(_ request: PreparedRequest, sink: Sink?) {
    self.request = request
    self.sink = sink
  }

  /// Sets who is told the outcome; before `submit`. A transfer stopped already completes at once.
  func onCompletion(_ completion: @escaping @Sendable (Outcome) -> Void) {
    let stopped: HTTPClientError? = state.withLock { state in
      if state.stopReason == nil { state.completion = completion }
      return state.stopReason
    }
    if let stopped { completion(.failure(stopped)) }
  }

  /// Ends the transfer: at once when it waits, when its worker has noticed otherwise.
  func stop(_ reason: HTTPClientError) {
    let completion: (@Sendable (Outcome) -> Void)? = state.withLock { state in
      guard state.stopReason == nil else { return nil }
      state.stopReason = reason
      if let multi = state.runningOn {
        // Under the lock: the worker takes its handle back under the same lock before freeing it.
        multi.wake()
        return nil
      }
      return state.completion.take()
    }
    completion?(.failure(reason))
  }

  var stopReason: HTTPClientError? {
    state.withLock { $0.stopReason }
  }

  var isPending: Bool {
    state.withLock { $0.completion != nil }
  }

  /// Claims the transfer for a worker; false when it was stopped meanwhile.
  func begin(on multi: MultiHandle) -> Bool {
    state.withLock { state in
      guard state.completion != nil, state.stopReason == nil else { return false }
      state.runningOn = multi
      return true
    }
  }

  func complete(_ outcome: Outcome) {
    let completion = state.withLock { state in
      state.runningOn = nil
      return state.completion.take()
    }
    completion?(outcome)
  }
}

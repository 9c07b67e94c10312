/// Why a permit was not given.
package enum AsyncSemaphoreError: Error, Equatable {
  /// As many tasks as allowed wait already.
  case tooManyWaiters
  /// The deadline came before a permit was free.
  case deadlineExceeded
  /// The task was cancelled while it waited.
  case cancelled
}

/// Counted permits, given in the order of asking, with a bound on how many may wait.
package final class AsyncSemaphore: Sendable {
  private enum Grant {
    case granted
    case expired
    case cancelled
  }

  private struct State {
    var freePermits: Int
    var nextId = 0
    var waiters = FIFOQueue<(id: Int, grant: OneShot<Grant>)>()
  }

  package let permits: Int
  package let maximumWaiters: Int
  private let state: Lock<State>

  package init(permits: Int, maximumWaiters: Int) {
    precondition(permits > 0 && maximumWaiters >= 0)
    self.permits = permits
    self.maximumWaiters = maximumWaiters
    state = Lock(State(freePermits: permits))
  }

  /// How many tasks wait now.
  package var waiterCount: Int {
    state.withLock { $0.waiters.count }
  }

  /// How many permits are held now.
  package var heldPermits: Int {
    state.withLock { permits - $0.freePermits }
  }

  /// Takes a permit, waiting for it until the deadline. The caller owes one `release()`.
  ///
  /// - Throws: `tooManyWaiters` at once when the queue is full, `deadlineExceeded`, `cancelled`.
  package func acquire(
    until deadline: MonotonicInstant, on clock: any MonotonicClock
  ) async throws(AsyncSemaphoreError) {
    let grant = OneShot<Grant>()
    let id = try enqueue(grant)
    guard let id else { return }
    let outcome = await grant.value(
      until: deadline, on: clock, onDeadline: .expired, onCancel: .cancelled)
    switch outcome {
    case .granted:
      return
    case .expired:
      remove(id)
      throw .deadlineExceeded
    case .cancelled:
      remove(id)
      throw .cancelled
    }
  }

  /// Takes a permit if one is free and nobody waits; the caller owes one `release()`.
  package func tryAcquire() -> Bool {
    state.withLock { state in
      guard state.freePermits > 0 else { return false }
      state.freePermits -= 1
      return true
    }
  }

  /// Gives a permit back: to the task that has waited longest, if any.
  package func release() {
    while true {
      let next: OneShot<Grant>? = state.withLock { state in
        if let next = state.waiters.popFirst() { return next.grant }
        precondition(state.freePermits < permits, "more releases than acquisitions")
        state.freePermits += 1
        return nil
      }
      guard let next else { return }
      // A waiter that has just expired or was cancelled does not take it: try the one behind.
      if next.decide(.granted) { return }
    }
  }

  /// Runs the body while holding a permit.
  ///
  /// - Throws: `AsyncSemaphoreError`, or what the body throws.
  package func withPermit<Result: Sendable>(
    until deadline: MonotonicInstant, on clock: any MonotonicClock,
    _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    try await acquire(until: deadline, on: clock)
    defer { release() }
    return try await body()
  }

  /// Takes a free permit (nil) or a place in the queue (its id).
  private func enqueue(_ grant: OneShot<Grant>) throws(AsyncSemaphoreError) -> Int? {
    try state.withLock { (state) throws(AsyncSemaphoreError) -> Int? in
      // A permit is free only while nobody waits, since release() hands it on directly.
      if state.freePermits > 0 {
        state.freePermits -= 1
        return nil
      }
      guard state.waiters.count < maximumWaiters else { throw .tooManyWaiters }
      let id = state.nextId
      state.nextId += 1
      state.waiters.append((id, grant))
      return id
    }
  }

  private func remove(_ id: Int) {
    state.withLock { state in _ = state.waiters.removeFirst { $0.id == id } }
  }
}

/// The order in which a server stops, as a state machine without clock or sockets.
///
/// Drain until the grace is over, cancel handlers and let their answers out, then abandon what is
/// left; the end is reached only when no exchange is left, since the library must have nothing
/// suspended when its threads are joined, and nothing else suspends.
struct StopProgress {
  enum Action: Equatable {
    case wait
    case cancelHandlers
    case abandonConnections
    case finish(unreturnedHandlers: Int)
  }

  private enum Stage {
    case draining
    case cancelled(at: ContinuousClock.Instant)
    case abandoned(at: ContinuousClock.Instant)
  }

  private var stage = Stage.draining
  private var deadline: ContinuousClock.Instant
  private var isUrgent: Bool
  private let answerGrace: Duration
  private let returnGrace: Duration

  init(
    deadline: ContinuousClock.Instant, isUrgent: Bool, answerGrace: Duration, returnGrace: Duration
  ) {
    self.deadline = deadline
    self.isUrgent = isUrgent
    self.answerGrace = answerGrace
    self.returnGrace = returnGrace
  }

  /// A later request to stop can only hurry.
  mutating func hurry(deadline: ContinuousClock.Instant, isUrgent: Bool) {
    self.deadline = min(self.deadline, deadline)
    self.isUrgent = self.isUrgent || isUrgent
  }

  mutating func next(
    at now: ContinuousClock.Instant, connections: Int, exchanges: Int, handlers: Int
  ) -> Action {
    switch stage {
    case .draining:
      if connections == 0, handlers == 0 { return .finish(unreturnedHandlers: 0) }
      if isUrgent { return abandon(now) }
      guard now >= deadline else { return .wait }
      stage = .cancelled(at: now)
      return .cancelHandlers
    case .cancelled(let since):
      if connections == 0, handlers == 0 { return .finish(unreturnedHandlers: 0) }
      return isUrgent || now - since >= answerGrace ? abandon(now) : .wait
    case .abandoned(let since):
      let isClear = connections == 0 && handlers == 0
      if exchanges == 0, isClear || now - since >= returnGrace {
        return .finish(unreturnedHandlers: handlers)
      }
      // Again and again: connections may start, and requests on them, until all has ended.
      return connections > 0 ? .abandonConnections : .wait
    }
  }

  private mutating func abandon(_ now: ContinuousClock.Instant) -> Action {
    stage = .abandoned(at: now)
    return .abandonConnections
  }
}

/// One run of a service group: feeds the state machine and carries out its actions.
struct ServiceGroupRun: Sendable {
  enum Signal: Sendable {
    case started(Int, (any Error)?)
    case ended(Int, (any Error)?)
    case stopRequested(ShutdownReason)
    case cancelled
    case graceExpired
    case cancelGraceExpired
  }

  private let group: ServiceGroup
  private let sender: AsyncStream<Signal>.Continuation
  private let shutdowns: [Shutdown]
  private var state: ServiceGroupState
  private var tasks: [Int: Task<Void, Never>] = [:]
  private var timers: [Task<Void, Never>] = []
  private var cause: ServiceGroupFailure.Cause?
  private var reason = ShutdownReason.requested
  private var deadline = MonotonicInstant.distantFuture

  init(group: ServiceGroup, sender: AsyncStream<Signal>.Continuation) {
    self.group = group
    self.sender = sender
    shutdowns = group.services.map { _ in Shutdown() }
    state = ServiceGroupState(count: group.services.count)
  }

  /// Returns when all services have ended, or those that do not end were given up.
  mutating func drive(_ signals: AsyncStream<Signal>) async -> ServiceGroupFailure? {
    defer {
      sender.finish()
      for timer in timers {
        timer.cancel()
      }
    }
    guard !group.services.isEmpty else { return nil }
    _ = perform(state.handle(.begin))
    for await signal in signals {
      for event in note(signal) {
        if let stuck = perform(state.handle(event)) {
          return failure(stuck: stuck)
        }
      }
    }
    return failure(stuck: [])
  }

  private func failure(stuck: [Int]) -> ServiceGroupFailure? {
    let names = stuck.map(name)
    if !names.isEmpty {
      group.observer(.stuck(names))
    }
    return cause == nil && names.isEmpty ? nil : ServiceGroupFailure(cause: cause, stuck: names)
  }

  private func name(_ index: Int) -> String {
    group.services[index].name
  }

  /// Records and reports what happened, and says it in the words of the state machine.
  private mutating func note(_ signal: Signal) -> [ServiceGroupState.Event] {
    switch signal {
    case .started(let index, nil):
      group.observer(.running(name(index)))
      return [.started(index)]
    case .started(let index, let error?):
      if isFailure(error) {
        record(.startFailed(service: name(index), error), of: index, error)
      }
      return [.startFailed(index)]
    case .ended(let index, let error):
      if let error, isFailure(error) {
        record(.failed(service: name(index), error), of: index, error)
      } else if !state.isStopping {
        record(.endedUnexpectedly(service: name(index)), of: index, nil)
      } else {
        group.observer(.stopped(name(index)))
      }
      return [.ended(index)]
    case .stopRequested(let requested):
      if !state.isStopping {
        reason = requested
      }
      return [.stopRequested]
    case .cancelled:
      return [.stopRequested, .graceExpired]
    case .graceExpired:
      return [.graceExpired]
    case .cancelGraceExpired:
      return [.cancelGraceExpired]
    }
  }

  /// A service that was told to stop may well answer with a cancellation.
  private func isFailure(_ error: any Error) -> Bool {
    !(state.isStopping && error is CancellationError)
  }

  private mutating func record(
    _ failure: ServiceGroupFailure.Cause, of index: Int, _ error: (any Error)?
  ) {
    if cause == nil {
      cause = failure
    }
    if !state.isStopping {
      reason = .serviceEnded(name(index))
    }
    group.observer(.failed(name(index), error ?? ServiceEndedUnexpectedly()))
  }

  /// Carries out the actions; returns who is stuck when the run is finished.
  private mutating func perform(_ actions: [ServiceGroupState.Action]) -> [Int]? {
    for action in actions {
      switch action {
      case .start(let index):
        start(index)
      case .run(let index):
        run(index)
      case .beginGrace:
        deadline = group.clock.now.advanced(by: group.gracePeriod)
        group.observer(.stopping(reason))
        beginTimer(group.gracePeriod, .graceExpired)
      case .requestStop(let index):
        shutdowns[index].request(reason, deadline: deadline)
      case .cancel(let indices):
        group.observer(.cancelling(indices.map(name)))
        for index in indices {
          shutdowns[index].request(reason, deadline: deadline)
          tasks[index]?.cancel()
        }
      case .beginCancelGrace:
        beginTimer(group.cancelGracePeriod, .cancelGraceExpired)
      case .finish(let stuck):
        return stuck
      }
    }
    return nil
  }

  private mutating func start(_ index: Int) {
    let service = group.services[index]
    group.observer(.starting(service.name))
    tasks[index] = Task { [sender, shutdown = shutdowns[index]] in
      do {
        try await service.start(shutdown: shutdown)
        sender.yield(.started(index, nil))
      } catch {
        sender.yield(.started(index, error))
      }
    }
  }

  private mutating func run(_ index: Int) {
    let service = group.services[index]
    let wasCancelled = tasks[index]?.isCancelled ?? false
    let task = Task { [sender, shutdown = shutdowns[index]] in
      do {
        try await service.run(shutdown: shutdown)
        sender.yield(.ended(index, nil))
      } catch {
        sender.yield(.ended(index, error))
      }
    }
    if wasCancelled {
      task.cancel()
    }
    tasks[index] = task
  }

  private mutating func beginTimer(_ duration: Duration, _ signal: Signal) {
    timers.append(
      Task { [sender, clock = group.clock] in
        do {
          try await clock.sleep(for: duration)
        } catch {
          return
        }
        sender.yield(signal)
      })
  }
}

/// A service returned from `run` although nobody had asked it to.
struct ServiceEndedUnexpectedly: Error {}

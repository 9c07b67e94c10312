/// The rules of a service group as a pure state machine: events in, actions out.
///
/// Services are known by their position. They start one after the other in that order, each after
/// the one before it is ready. Stopping goes the other way: a service is asked to stop once all
/// behind it have ended, so that what it offers them lasts as long as they need it.
struct ServiceGroupState {
  enum Event: Equatable {
    case begin
    case started(Int)
    case startFailed(Int)
    case ended(Int)
    case stopRequested
    case graceExpired
    case cancelGraceExpired
  }

  enum Action: Equatable {
    case start(Int)
    case run(Int)
    case beginGrace
    case requestStop(Int)
    case cancel([Int])
    case beginCancelGrace
    case finish(stuck: [Int])
  }

  private enum Phase: Equatable {
    case idle
    case starting
    case running
    case ended

    var isActive: Bool { self == .starting || self == .running }
  }

  private var phases: [Phase]
  private var isAskedToStop: [Bool]
  private(set) var isStopping = false
  private var isCancelled = false
  private var isFinished = false

  init(count: Int) {
    phases = Array(repeating: .idle, count: count)
    isAskedToStop = Array(repeating: false, count: count)
  }

  mutating func handle(_ event: Event) -> [Action] {
    guard !isFinished else { return [] }
    switch event {
    case .begin:
      return startNext()
    case .started(let index):
      phases[index] = .running
      // It runs even when stopping: only `run` gives back what `start` made ready.
      return [.run(index)] + (isStopping ? [] : startNext())
    case .startFailed(let index), .ended(let index):
      phases[index] = .ended
      return isStopping ? stopNext() : beginStop()
    case .stopRequested:
      return isStopping ? [] : beginStop()
    case .graceExpired:
      return cancelAll()
    case .cancelGraceExpired:
      isFinished = true
      return [.finish(stuck: active)]
    }
  }

  private var active: [Int] {
    phases.indices.filter { phases[$0].isActive }
  }

  private mutating func startNext() -> [Action] {
    guard let next = phases.firstIndex(of: .idle) else { return [] }
    phases[next] = .starting
    return [.start(next)]
  }

  private mutating func beginStop() -> [Action] {
    isStopping = true
    let stop = stopNext()
    return isFinished ? stop : [.beginGrace] + stop
  }

  private mutating func stopNext() -> [Action] {
    guard let last = active.last else {
      isFinished = true
      return [.finish(stuck: [])]
    }
    guard !isAskedToStop[last] else { return [] }
    isAskedToStop[last] = true
    return [.requestStop(last)]
  }

  private mutating func cancelAll() -> [Action] {
    guard isStopping, !isCancelled else { return [] }
    isCancelled = true
    return [.cancel(active), .beginCancelGrace]
  }
}

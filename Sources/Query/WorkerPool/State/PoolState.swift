import Runtime

/// The bookkeeping of the pool: which workers there are, who waits, and what to do next.
///
/// A pure value. Each event changes it and gives back actions for the shell to carry out; time
/// comes in as an argument.
///
/// **Invariants:** workers never exceed `maximumWorkers`; a worker once bound never serves another
/// tenant; a tenant never runs more than its share; a ticket is started or refused exactly once.
package struct PoolState {
  package typealias WorkerID = Int
  package typealias Ticket = UInt64

  package struct Limits {
    package var maximumWorkers: Int
    package var maximumRunning: Int
    package var maximumRunningPerTenant: Int
    package var spareWorkers: Int
    package var maximumWaitingPerTenant: Int
    package var maximumWaiting: Int
    package var maximumQueriesPerWorker: Int
    package var idle: Duration
    /// A query that has waited this long ends idle workers of other tenants.
    package var patience: Duration
    package var grace: Duration
    package var birth: Duration
    package var backoff: Backoff

    package init(
      maximumWorkers: Int, maximumRunning: Int, maximumRunningPerTenant: Int, spareWorkers: Int,
      maximumWaitingPerTenant: Int, maximumWaiting: Int, maximumQueriesPerWorker: Int,
      idle: Duration, patience: Duration, grace: Duration, birth: Duration, backoff: Backoff
    ) {
      self.maximumWorkers = maximumWorkers
      self.maximumRunning = maximumRunning
      self.maximumRunningPerTenant = maximumRunningPerTenant
      self.spareWorkers = spareWorkers
      self.maximumWaitingPerTenant = maximumWaitingPerTenant
      self.maximumWaiting = maximumWaiting
      self.maximumQueriesPerWorker = maximumQueriesPerWorker
      self.idle = idle
      self.patience = patience
      self.grace = grace
      self.birth = birth
      self.backoff = backoff
    }
  }

  package enum Action: Equatable {
    case spawn(WorkerID)
    case bind(WorkerID, TenantBinding)
    case start(WorkerID, Ticket)
    /// Ask the running query to stop.
    case cancel(WorkerID, Ticket)
    /// End the process; `exited` follows.
    case kill(WorkerID)
    case refuse(Ticket, Refusal)
  }

  package enum Refusal: Equatable {
    case queueFull
    case timedOut
    case workerLost
    case stopping
  }

  package enum Phase: Equatable {
    case starting(since: MonotonicInstant)
    case spare
    /// The ticket is nil when whoever asked has gone meanwhile.
    case binding(Ticket?, since: MonotonicInstant)
    case running(Ticket, deadline: MonotonicInstant, isCancelled: Bool)
    case idle(since: MonotonicInstant)
    /// Killed and not yet reaped: still counted, because it still holds memory.
    case stopping
  }

  package struct Worker {
    package var phase: Phase
    package var tenant: TenantBinding?
    var queriesServed = 0
  }

  struct Waiter {
    let ticket: Ticket
    let tenant: TenantBinding
    let deadline: MonotonicInstant
    let since: MonotonicInstant
  }

  package let limits: Limits
  package internal(set) var workers: [WorkerID: Worker] = [:]
  /// In the order of asking.
  var waiting: [Waiter] = []
  var isStopping = false
  private var nextWorker = 1
  private var nextTicket: Ticket = 1
  private var deadlines: [Ticket: MonotonicInstant] = [:]
  private var birthFailures = 0
  private var noBirthBefore = MonotonicInstant(nanoseconds: .min)

  package init(limits: Limits) {
    self.limits = limits
  }

  // MARK: - What callers do

  /// A query asks for a worker.
  package mutating func enqueue(
    _ tenant: TenantBinding, deadline: MonotonicInstant, now: MonotonicInstant
  ) -> (ticket: Ticket, actions: [Action]) {
    let ticket = nextTicket
    nextTicket += 1
    if isStopping { return (ticket, [.refuse(ticket, .stopping)]) }
    guard waiting.count < limits.maximumWaiting,
      waiting.count(where: { $0.tenant == tenant }) < limits.maximumWaitingPerTenant
    else { return (ticket, [.refuse(ticket, .queueFull)]) }
    waiting.append(
      Waiter(ticket: ticket, tenant: tenant, deadline: deadline, since: now))
    deadlines[ticket] = deadline
    return (ticket, schedule(now))
  }

  /// Nobody waits for the ticket's answer any more.
  package mutating func abandon(_ ticket: Ticket, now: MonotonicInstant) -> [Action] {
    if let index = waiting.firstIndex(where: { $0.ticket == ticket }) {
      waiting.remove(at: index)
      deadlines[ticket] = nil
    }
    for (id, worker) in workers {
      switch worker.phase {
      case .binding(ticket, let since):
        workers[id]?.phase = .binding(nil, since: since)
        deadlines[ticket] = nil
      case .running(ticket, _, let isCancelled) where !isCancelled:
        workers[id]?.phase = .running(
          ticket, deadline: now.advanced(by: limits.grace), isCancelled: true)
        return [.cancel(id, ticket)]
      default: break
      }
    }
    return schedule(now)
  }

  /// A query has its answer, or its failure, and the worker is its own again.
  package mutating func finished(
    _ id: WorkerID, _ ticket: Ticket, reusable: Bool, now: MonotonicInstant
  ) -> [Action] {
    deadlines[ticket] = nil
    guard case .running(ticket, _, _)? = workers[id]?.phase else { return schedule(now) }
    workers[id]?.queriesServed += 1
    let served = workers[id]?.queriesServed ?? 0
    guard reusable, !isStopping, served < limits.maximumQueriesPerWorker else {
      return kill(id) + schedule(now)
    }
    workers[id]?.phase = .idle(since: now)
    return schedule(now)
  }

  // MARK: - What workers do

  /// A spare is warm.
  package mutating func ready(_ id: WorkerID, now: MonotonicInstant) -> [Action] {
    guard case .starting? = workers[id]?.phase else { return protocolError(id, now) }
    if isStopping { return kill(id) }
    workers[id]?.phase = .spare
    return schedule(now)
  }

  /// A worker stands in its sandbox.
  package mutating func bound(_ id: WorkerID, now: MonotonicInstant) -> [Action] {
    guard case .binding(let ticket, _)? = workers[id]?.phase else {
      return protocolError(id, now)
    }
    birthFailures = 0
    noBirthBefore = MonotonicInstant(nanoseconds: .min)
    if isStopping { return kill(id) }
    guard let ticket else {
      workers[id]?.phase = .idle(since: now)
      return schedule(now)
    }
    return [start(ticket, on: id)]
  }

  /// A process has been reaped, or could not be started.
  package mutating func exited(_ id: WorkerID, now: MonotonicInstant) -> [Action] {
    guard let worker = workers.removeValue(forKey: id) else { return [] }
    var actions: [Action] = []
    switch worker.phase {
    case .starting, .spare:
      birthFailed(now)
    case .binding(let ticket, _):
      birthFailed(now)
      if let ticket {
        deadlines[ticket] = nil
        actions.append(.refuse(ticket, .workerLost))
      }
    case .running, .idle, .stopping:
      // A running query sees the end of its worker by itself.
      break
    }
    return actions + schedule(now)
  }

  mutating func protocolError(_ id: WorkerID, _ now: MonotonicInstant) -> [Action] {
    kill(id) + schedule(now)
  }

  // MARK: - Time and the end

  /// Does what is due.
  package mutating func tick(_ now: MonotonicInstant) -> [Action] {
    var actions: [Action] = []
    for waiter in waiting where waiter.deadline <= now {
      deadlines[waiter.ticket] = nil
      actions.append(.refuse(waiter.ticket, .timedOut))
    }
    waiting.removeAll { $0.deadline <= now }
    for (id, worker) in workers {
      switch worker.phase {
      case .running(let ticket, let deadline, let isCancelled) where deadline <= now:
        if isCancelled {
          actions += kill(id)
        } else {
          workers[id]?.phase = .running(
            ticket, deadline: now.advanced(by: limits.grace), isCancelled: true)
          actions.append(.cancel(id, ticket))
        }
      case .starting(let since) where since.advanced(by: limits.birth) <= now,
        .binding(_, let since) where since.advanced(by: limits.birth) <= now,
        .idle(let since) where since.advanced(by: limits.idle) <= now:
        actions += expire(id, now)
      default: break
      }
    }
    return actions + schedule(now)
  }

  /// When `tick` has something to do next.
  package func nextTick(after now: MonotonicInstant) -> MonotonicInstant {
    var next = wantsBirth ? noBirthBefore : .distantFuture
    for waiter in waiting {
      next = min(next, waiter.deadline)
      // Once it is impatient, only another event can help it.
      let impatient = waiter.since.advanced(by: limits.patience)
      if impatient > now { next = min(next, impatient) }
    }
    for worker in workers.values {
      switch worker.phase {
      case .starting(let since), .binding(_, let since):
        next = min(next, since.advanced(by: limits.birth))
      case .running(_, let deadline, _): next = min(next, deadline)
      case .idle(let since): next = min(next, since.advanced(by: limits.idle))
      case .spare, .stopping: break
      }
    }
    return next
  }

  /// No new queries; running ones are asked to stop and killed after the grace.
  package mutating func stop(now: MonotonicInstant) -> [Action] {
    isStopping = true
    var actions = waiting.map { Action.refuse($0.ticket, .stopping) }
    waiting = []
    for (id, worker) in workers {
      if case .running(let ticket, _, let isCancelled) = worker.phase {
        guard !isCancelled else { continue }
        workers[id]?.phase = .running(
          ticket, deadline: now.advanced(by: limits.grace), isCancelled: true)
        actions.append(.cancel(id, ticket))
      } else {
        actions += kill(id)
      }
    }
    return actions
  }

  /// Whether the ticket's time has ended; asked by a query whose worker stopped answering.
  package func isOverdue(_ ticket: Ticket, now: MonotonicInstant) -> Bool {
    deadlines[ticket].map { $0 <= now } ?? false
  }

  // MARK: - Steps

  mutating func start(_ ticket: Ticket, on id: WorkerID) -> Action {
    workers[id]?.phase = .running(
      ticket, deadline: deadlines[ticket] ?? .distantFuture, isCancelled: false)
    return .start(id, ticket)
  }

  mutating func kill(_ id: WorkerID) -> [Action] {
    guard let worker = workers[id], worker.phase != .stopping else { return [] }
    workers[id]?.phase = .stopping
    return [.kill(id)]
  }

  mutating func spawn(_ now: MonotonicInstant) -> Action {
    let id = nextWorker
    nextWorker += 1
    workers[id] = Worker(phase: .starting(since: now))
    return .spawn(id)
  }

  func mayGiveBirth(_ now: MonotonicInstant) -> Bool {
    !isStopping && workers.count < limits.maximumWorkers && noBirthBefore <= now
  }

  /// A birth or an idleness has lasted too long.
  private mutating func expire(_ id: WorkerID, _ now: MonotonicInstant) -> [Action] {
    var actions: [Action] = []
    switch workers[id]?.phase {
    case .binding(let ticket?, _):
      deadlines[ticket] = nil
      actions.append(.refuse(ticket, .workerLost))
      birthFailed(now)
    case .starting, .binding: birthFailed(now)
    default: break
    }
    return actions + kill(id)
  }

  private mutating func birthFailed(_ now: MonotonicInstant) {
    birthFailures += 1
    noBirthBefore = now.advanced(by: limits.backoff.delay(afterAttempt: birthFailures))
  }
}

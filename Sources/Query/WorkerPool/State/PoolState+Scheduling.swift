import Runtime

extension PoolState {
  /// Gives workers to who waits, makes room where there is none, and refills the spares.
  ///
  /// Among tenants the one with the fewest running queries goes first, then the one that has
  /// waited longest: a tenant with a long queue cannot keep the others out.
  mutating func schedule(_ now: MonotonicInstant) -> [Action] {
    guard !isStopping else { return [] }
    var actions: [Action] = []
    while runningCount < limits.maximumRunning, let next = nextStart(now) {
      actions += next
    }
    actions += makeRoom()
    while wantsBirth, mayGiveBirth(now) {
      actions.append(spawn(now))
    }
    return actions
  }

  package var runningCount: Int {
    workers.values.count { Self.isAtWork($0) }
  }

  package func runningCount(of tenant: TenantBinding) -> Int {
    workers.values.count { $0.tenant == tenant && Self.isAtWork($0) }
  }

  /// Whether another process would be used: by a waiting query, or as a spare.
  var wantsBirth: Bool {
    guard !isStopping, workers.count < limits.maximumWorkers else { return false }
    let unborn = workers.values.count { worker in
      switch worker.phase {
      case .starting, .spare: true
      default: false
      }
    }
    return unborn < max(limits.spareWorkers, unservedCount)
  }

  /// Waiting queries that no worker of their tenant will take as things stand.
  private var unservedCount: Int {
    min(startable.count, max(0, limits.maximumRunning - runningCount))
  }

  private static func isAtWork(_ worker: Worker) -> Bool {
    switch worker.phase {
    case .binding, .running: true
    default: false
    }
  }

  /// The waiters whose tenants may run one more, at most as many of each as it may run.
  private var startable: [Waiter] {
    var room: [TenantBinding: Int] = [:]
    var order: [(waiter: Waiter, running: Int)] = []
    for waiter in waiting {
      let running =
        room[waiter.tenant] ?? runningCount(of: waiter.tenant)
      guard running < limits.maximumRunningPerTenant else { continue }
      room[waiter.tenant] = running + 1
      order.append((waiter, running))
    }
    return order.sorted { ($0.running, $0.waiter.ticket) < ($1.running, $1.waiter.ticket) }
      .map(\.waiter)
  }

  /// Starts one waiting query, if there is a worker for any.
  private mutating func nextStart(_ now: MonotonicInstant) -> [Action]? {
    for waiter in startable {
      if let id = idleWorker(of: waiter.tenant) {
        take(waiter)
        return [start(waiter.ticket, on: id)]
      }
      if let id = workers.filter({ $0.value.phase == .spare }).keys.min() {
        take(waiter)
        workers[id]?.phase = .binding(waiter.ticket, since: now)
        workers[id]?.tenant = waiter.tenant
        return [.bind(id, waiter.tenant)]
      }
    }
    return nil
  }

  private mutating func take(_ waiter: Waiter) {
    waiting.removeAll { $0.ticket == waiter.ticket }
  }

  /// The one used last: its caches are warm, and the others may grow idle and end.
  private func idleWorker(of tenant: TenantBinding) -> WorkerID? {
    idleWorkers.last { workers[$0]?.tenant == tenant }
  }

  /// Idle workers, least recently used first.
  private var idleWorkers: [WorkerID] {
    workers.compactMap { id, worker -> (id: WorkerID, since: MonotonicInstant)? in
      guard case .idle(let since) = worker.phase else { return nil }
      return (id, since)
    }.sorted { ($0.since, $0.id) < ($1.since, $1.id) }.map(\.id)
  }

  /// Ends idle workers of other tenants while queries wait and all places are taken.
  private mutating func makeRoom() -> [Action] {
    var coming = workers.values.count { worker in
      switch worker.phase {
      case .starting, .spare, .stopping: true
      default: false
      }
    }
    coming += max(0, limits.maximumWorkers - workers.count)
    var actions: [Action] = []
    let needed = unservedCount
    while coming < needed, let victim = idleWorkers.first {
      actions += kill(victim)
      coming += 1
    }
    return actions
  }
}

import Runtime

extension PoolState {
  /// Gives workers to who waits, makes room where there is none, and refills the spares.
  ///
  /// Among tenants the one with the fewest running queries goes first, then the one that has
  /// waited longest: a tenant with a long queue cannot keep the others out. A worker is not taken
  /// from its tenant at once, though: starting another costs more than most queries, so tenants
  /// that outnumber the workers take turns of at least `patience`.
  mutating func schedule(_ now: MonotonicInstant) -> [Action] {
    guard !isStopping else { return [] }
    var actions: [Action] = []
    while true {
      while runningCount < limits.maximumRunning, let next = nextStart(now) {
        actions += next
      }
      guard let room = makeRoom(now) else { break }
      actions += room
    }
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
      // What is idle must not go to others while this one has waited long enough for it.
      if isImpatient(waiter, now), comingCount < impatientCount(now) { return nil }
    }
    return nil
  }

  private func isImpatient(_ waiter: Waiter, _ now: MonotonicInstant) -> Bool {
    waiter.since.advanced(by: limits.patience) <= now
  }

  /// Impatient queries that may start and find no worker of their tenant.
  private func impatientCount(_ now: MonotonicInstant) -> Int {
    let room = max(0, limits.maximumRunning - runningCount)
    return min(
      room, startable.count { isImpatient($0, now) && idleWorker(of: $0.tenant) == nil })
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

  /// Processes that will take a tenant, or make place for one that does.
  private var comingCount: Int {
    let coming = workers.values.count { worker in
      switch worker.phase {
      case .starting, .spare, .stopping: true
      default: false
      }
    }
    return coming + max(0, limits.maximumWorkers - workers.count)
  }

  /// Ends the idle worker used longest ago when an impatient query has nothing to hope for.
  private mutating func makeRoom(_ now: MonotonicInstant) -> [Action]? {
    guard comingCount < impatientCount(now) else { return nil }
    let wanted = Set(startable.filter { !isImpatient($0, now) }.map(\.tenant))
    let victim =
      idleWorkers.first { id in workers[id]?.tenant.map { !wanted.contains($0) } ?? true }
      ?? idleWorkers.first
    return victim.map { kill($0) }
  }
}

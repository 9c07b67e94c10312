import Dispatch
import Foundation
import Glibc
import Runtime
import WorkerProtocol

/// Runs tenants' statements in query workers: child processes, each of one tenant for life.
///
/// **Invariant:** whatever a statement does to its process, it costs that one query; the next query
/// of the same tenant and of every other gets another process.
package final class WorkerPool: Sendable {
  private struct State {
    var pool: PoolState
    var processes: [PoolState.WorkerID: WorkerProcess] = [:]
    var waiters: [PoolState.Ticket: OneShot<Assignment>] = [:]
    var layers: [SandboxLayer] = []
    var refusal: String?
    var queriesStarted: UInt64 = 0
    var workersStarted: UInt64 = 0
    var workersLost: UInt64 = 0
  }

  enum Assignment: Sendable {
    case worker(PoolState.WorkerID, WorkerProcess)
    case refused(PoolState.Refusal)
    case cancelled
  }

  package let options: WorkerPoolOptions
  private let log: @Sendable (WorkerPoolEvent) -> Void
  private let clock = SystemMonotonicClock()
  private let state: Lock<State>
  /// Births are carried out one by one by the keeper, which also looks at the clock.
  private let births = Lock<[PoolState.WorkerID]>([])
  private let keeperWakeUp = DispatchSemaphore(value: 0)
  private let keeper = Lock<DedicatedThread?>(nil)
  private let allGone = Notifier()

  package init(
    options: WorkerPoolOptions, log: @escaping @Sendable (WorkerPoolEvent) -> Void = { _ in }
  ) {
    self.options = options
    self.log = log
    let limits = PoolState.Limits(
      maximumWorkers: options.maximumWorkers, maximumRunning: options.maximumRunning,
      maximumRunningPerTenant: options.maximumRunningPerTenant,
      spareWorkers: options.spareWorkers,
      maximumWaitingPerTenant: options.maximumWaitingPerTenant,
      maximumWaiting: options.maximumWaiting,
      maximumQueriesPerWorker: options.maximumQueriesPerWorker,
      idle: .milliseconds(options.idleMs), patience: .milliseconds(options.patienceMs),
      grace: .milliseconds(options.graceMs),
      birth: .milliseconds(options.birthLimitMs),
      backoff: Backoff(
        initialMs: options.initialBackoffMs, maximumMs: options.maximumBackoffMs))
    state = Lock(State(pool: PoolState(limits: limits)))
  }

  /// Removes what an earlier run left behind, starts the spares and binds one worker to an empty
  /// folder, to learn which layers of the sandbox hold.
  ///
  /// - Throws: `unavailable` when no worker can be started, or a required layer is refused.
  package func start() async throws(WorkerError) {
    do {
      try? FileManager.default.removeItem(atPath: options.temporaryFolder)
      try FileManager.default.createDirectory(
        atPath: options.temporaryFolder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o711])
      let thread = try DedicatedThread(name: "worker-keeper") { [weak self] in
        while let wait = self?.keep() {
          guard let self else { return }
          _ = keeperWakeUp.wait(timeout: wait)
        }
      }
      keeper.withLock { $0 = thread }
    } catch {
      throw .unavailable(reason: "\(error)")
    }
    try await rehearse()
  }

  /// Refuses new queries, asks running ones to stop, kills what remains after the grace, and
  /// returns when every process has been reaped.
  package func stop() async {
    apply { pool, now in pool.stop(now: now) }
    while state.withLock({ !$0.processes.isEmpty || !$0.pool.workers.isEmpty }) {
      guard await allGone.wait() else { break }
    }
    keeperWakeUp.signal()
    let thread = keeper.withLock { $0 }
    await thread?.join()
  }

  /// Runs one statement.
  ///
  /// - Parameters:
  ///   - deadline: for everything: waiting, resolving, running and handing over the rows. After it
  ///     the query is asked to stop, and killed when the grace is over.
  ///   - resolve: looks up the tables that the statement names; called at most once.
  package func run(
    _ query: WorkerQuery, tenant: TenantBinding, deadline: MonotonicInstant,
    resolve: @Sendable (NeedMessage) async throws -> ResolvedRelations, output: some AnswerSink
  ) async throws(WorkerError) {
    let (ticket, process) = try await worker(for: tenant, deadline: deadline)
    let id = process.id
    let conversation = QueryConversation(ticket: ticket, query: query, process: process.process)
    let outcome = await withTaskCancellationHandler {
      await conversation.run(resolve: resolve, output: output) { [self] in abandon(ticket) }
    } onCancel: {
      abandon(ticket)
    }
    let now = clock.now
    let (isOverdue, isStopping) = state.withLock {
      ($0.pool.isOverdue(ticket, now: now), $0.pool.isStopping)
    }
    if case .lost = outcome {
      state.withLock { $0.workersLost += isOverdue || isStopping ? 0 : 1 }
    }
    finish(id, ticket, process.process, reusable: outcome.leavesWorkerUsable)
    try outcome.check(
      isOverdue: isOverdue, isCancelled: Task.isCancelled, isStopping: isStopping)
  }

  /// Layers of the sandbox as the newest bound worker reported them; empty before `start`.
  package var sandboxReport: [SandboxLayer] {
    state.withLock { $0.layers }
  }

  /// The processes that are there now, for operators.
  package var processIDs: [Int32] {
    state.withLock { $0.processes.values.map(\.processID) }
  }

  /// For metrics.
  package var statistics: WorkerPoolStatistics {
    state.withLock { state in
      WorkerPoolStatistics(
        workers: state.pool.workers.count,
        spares: state.pool.workers.values.count { $0.phase == .spare },
        running: state.pool.runningCount, waiting: state.pool.waiting.count,
        queriesStarted: state.queriesStarted, workersStarted: state.workersStarted,
        workersLost: state.workersLost)
    }
  }
}

// MARK: - A worker for a query

extension WorkerPool {
  typealias Assigned = (id: PoolState.WorkerID, process: WorkerProcess)

  func worker(
    for tenant: TenantBinding, deadline: MonotonicInstant
  ) async throws(WorkerError) -> (PoolState.Ticket, Assigned) {
    let grant = OneShot<Assignment>()
    let now = clock.now
    let (ticket, actions) = state.withLock { state in
      let (ticket, actions) = state.pool.enqueue(tenant, deadline: deadline, now: now)
      state.waiters[ticket] = grant
      return (ticket, actions)
    }
    perform(actions)
    keeperWakeUp.signal()
    let assignment = await grant.value(onCancel: .cancelled)
    let refusal = state.withLock { state in
      state.waiters[ticket] = nil
      return state.refusal
    }
    switch assignment {
    case .worker(let id, let process): return (ticket, (id, process))
    case .refused(.queueFull): throw .queueFull
    case .refused(.timedOut): throw .timedOut
    case .refused(.stopping): throw .stopping
    case .refused(.workerLost):
      if let refusal { throw .unavailable(reason: refusal) }
      throw .workerLost
    case .cancelled:
      abandon(ticket)
      throw .cancelled
    }
  }

  func finish(
    _ id: PoolState.WorkerID, _ ticket: PoolState.Ticket, _ process: WorkerProcess,
    reusable: Bool
  ) {
    // Frames after the last one of an answer would be taken for the next answer's.
    let reusable = reusable && process.mailbox.isEmpty
    apply { pool, now in pool.finished(id, ticket, reusable: reusable, now: now) }
  }

  private func abandon(_ ticket: PoolState.Ticket) {
    apply { pool, now in pool.abandon(ticket, now: now) }
  }
}

// MARK: - Carrying out what the bookkeeping decides

extension WorkerPool {
  /// - Parameter wakesKeeper: false for the keeper itself, which would never sleep otherwise.
  private func apply(
    wakesKeeper: Bool = true, _ event: (inout PoolState, MonotonicInstant) -> [PoolState.Action]
  ) {
    let now = clock.now
    let actions = state.withLock { state in
      event(&state.pool, now)
    }
    perform(actions)
    // Its next look at the clock may have to be earlier now.
    if wakesKeeper { keeperWakeUp.signal() }
  }

  private func perform(_ actions: [PoolState.Action]) {
    for action in actions {
      switch action {
      case .spawn(let id): births.withLock { $0.append(id) }
      case .bind(let id, let tenant): bind(id, to: tenant)
      case .start(let id, let ticket): start(ticket, on: id)
      case .cancel(let id, let ticket): process(id)?.send(CancelMessage(id: ticket))
      case .kill(let id): process(id)?.kill()
      case .refuse(let ticket, let refusal): decide(ticket, .refused(refusal))
      }
    }
  }

  private func process(_ id: PoolState.WorkerID) -> WorkerProcess? {
    state.withLock { $0.processes[id] }
  }

  private func start(_ ticket: PoolState.Ticket, on id: PoolState.WorkerID) {
    guard let process = process(id), decide(ticket, .worker(id, process)) else {
      // Whoever asked has just gone: the worker did nothing and stays.
      apply { pool, now in pool.finished(id, ticket, reusable: true, now: now) }
      return
    }
    state.withLock { $0.queriesStarted += 1 }
  }

  @discardableResult
  private func decide(_ ticket: PoolState.Ticket, _ assignment: Assignment) -> Bool {
    state.withLock { $0.waiters[ticket] }?.decide(assignment) ?? false
  }

  private func bind(_ id: PoolState.WorkerID, to tenant: TenantBinding) {
    guard let process = process(id) else { return }
    for folder in tenant.readableFolders {
      // A tenant without data has no folder yet, and a sandbox cannot be put around nothing.
      try? FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    }
    process.send(
      BindMessage(
        readableFolders: tenant.readableFolders, temporaryFolder: process.temporaryFolder,
        memoryLimitBytes: options.memoryLimitBytes,
        temporaryLimitBytes: options.temporaryLimitBytes,
        threads: UInt32(options.threadsPerWorker), openFileLimit: options.openFileLimit,
        mode: options.sandboxMode, landlockABILimit: options.landlockABILimit,
        unprivilegedUserID: options.unprivilegedUserID))
  }

  /// One round of the keeper: births, and what the clock has made due.
  ///
  /// - Returns: how long to wait for the next round, or nil when the pool has ended.
  private func keep() -> DispatchTime? {
    while let id = births.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
      giveBirth(id)
    }
    // Whatever woke it: a query that has just become impatient is due, but no later tick's cause.
    apply(wakesKeeper: false) { pool, now in pool.tick(now) }
    guard births.withLock({ $0.isEmpty }) else { return .now() }
    let now = clock.now
    return state.withLock { state in
      if state.pool.isStopping && state.pool.workers.isEmpty { return nil }
      let next = state.pool.nextTick(after: now)
      guard next != .distantFuture else { return .distantFuture }
      return .now() + .nanoseconds(Int(max(0, (next - now).saturatedNanoseconds)))
    }
  }

  private func giveBirth(_ id: PoolState.WorkerID) {
    let events = WorkerEvents(
      ready: { [weak self] _ in self?.apply { pool, now in pool.ready(id, now: now) } },
      bound: { [weak self] message in self?.bound(id, message) },
      refused: { [weak self] message in self?.refused(message) },
      exited: { [weak self] in self?.exited(id) })
    do {
      let process = try WorkerProcess(
        options: options, temporaryFolder: "\(options.temporaryFolder)/worker-\(id)",
        events: events)
      let isWanted = state.withLock { state in
        state.workersStarted += 1
        guard let worker = state.pool.workers[id] else { return false }
        state.processes[id] = process
        return worker.phase != .stopping
      }
      if !isWanted { process.kill() }
    } catch {
      log(.birthFailed("\(error)"))
      exited(id)
    }
  }

  private func bound(_ id: PoolState.WorkerID, _ message: BoundMessage) {
    state.withLock { state in
      state.layers = message.layers
      state.refusal = nil
    }
    apply { pool, now in pool.bound(id, now: now) }
  }

  private func refused(_ message: RefusedMessage) {
    state.withLock { $0.refusal = message.reason }
    log(.workerRefused(message.reason))
  }

  private func exited(_ id: PoolState.WorkerID) {
    state.withLock { $0.processes[id] = nil }
    apply { pool, now in pool.exited(id, now: now) }
    allGone.notify()
  }
}

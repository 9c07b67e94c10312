import Runtime
import Testing
import WorkerPool

@Suite struct PoolStateTests {
  /// Plays the shell: keeps the time, and remembers what the bookkeeping has asked for.
  struct Shell {
    var pool: PoolState
    var now = MonotonicInstant(nanoseconds: 0)
    var started: [PoolState.Ticket: PoolState.WorkerID] = [:]
    var refused: [PoolState.Ticket: PoolState.Refusal] = [:]
    var unborn: [PoolState.WorkerID] = []
    var unbound: [PoolState.WorkerID] = []
    var unreaped: [PoolState.WorkerID] = []
    var cancelled: [PoolState.Ticket] = []

    init(
      workers: Int = 3, running: Int = 100, perTenant: Int = 2, spares: Int = 1, waiting: Int = 3
    ) {
      pool = PoolState(
        limits: PoolState.Limits(
          maximumWorkers: workers, maximumRunning: running, maximumRunningPerTenant: perTenant,
          spareWorkers: spares, maximumWaitingPerTenant: waiting, maximumWaiting: 6,
          maximumQueriesPerWorker: 100, idle: .seconds(60), patience: .milliseconds(100),
          grace: .seconds(1), birth: .seconds(10),
          backoff: Backoff(initialMs: 100, maximumMs: 1_000, jitter: 0)))
    }

    mutating func take(_ actions: [PoolState.Action]) {
      for action in actions {
        switch action {
        case .spawn(let id): unborn.append(id)
        case .bind(let id, _): unbound.append(id)
        case .start(let id, let ticket):
          #expect(started.updateValue(id, forKey: ticket) == nil && refused[ticket] == nil)
        case .cancel(_, let ticket): cancelled.append(ticket)
        case .kill(let id): unreaped.append(id)
        case .refuse(let ticket, let refusal):
          #expect(refused.updateValue(refusal, forKey: ticket) == nil && started[ticket] == nil)
        }
      }
      #expect(pool.workers.count <= pool.limits.maximumWorkers)
    }

    mutating func ask(_ tenant: Int64, withinMs: Int = 60_000) -> PoolState.Ticket {
      let (ticket, actions) = pool.enqueue(
        TenantBinding(key: tenant, readableFolders: []), deadline: now.advanced(byMs: withinMs),
        now: now)
      take(actions)
      return ticket
    }

    /// Lets every birth, binding and death that is under way come to its end.
    mutating func settle() {
      while true {
        if let id = unborn.popLast() {
          take(pool.ready(id, now: now))
        } else if let id = unbound.popLast() {
          take(pool.bound(id, now: now))
        } else if let id = unreaped.popLast() {
          take(pool.exited(id, now: now))
        } else {
          return
        }
      }
    }

    mutating func finish(_ ticket: PoolState.Ticket, reusable: Bool = true) {
      guard let id = started[ticket] else {
        Issue.record("ticket \(ticket) was not started")
        return
      }
      take(pool.finished(id, ticket, reusable: reusable, now: now))
    }

    mutating func pass(ms: Int) {
      now = now.advanced(byMs: ms)
      take(pool.tick(now))
    }
  }

  @Test func aQueryGetsAWorkerAndTheNextOneTheSame() {
    var shell = Shell()
    let first = shell.ask(1)
    shell.settle()
    let worker = shell.started[first]
    #expect(worker != nil)
    shell.finish(first)
    let second = shell.ask(1)
    #expect(shell.started[second] == worker)
  }

  @Test func aWorkerNeverServesTwoTenants() {
    var shell = Shell(workers: 2, spares: 0)
    var tenants: [PoolState.WorkerID: Int64] = [:]
    for round in 0..<200 {
      let tenant = Int64(round * 7 % 5)
      let ticket = shell.ask(tenant)
      shell.settle()
      shell.pass(ms: 150)
      shell.settle()
      guard let worker = shell.started[ticket] else {
        Issue.record("round \(round) waits for ever")
        return
      }
      #expect(tenants[worker, default: tenant] == tenant)
      tenants[worker] = tenant
      shell.finish(ticket, reusable: round % 11 != 0)
    }
  }

  @Test func aTenantRunsNoMoreThanItsShare() {
    var shell = Shell(workers: 8, perTenant: 2)
    let tickets = (0..<4).map { _ in shell.ask(1) }
    shell.settle()
    #expect(tickets.count { shell.started[$0] != nil } == 2)
    let other = shell.ask(2)
    shell.settle()
    #expect(shell.started[other] != nil)
    shell.finish(tickets[0])
    #expect(tickets.count { shell.started[$0] != nil } == 3)
  }

  @Test func theNodesBudgetBoundsWhatRuns() {
    var shell = Shell(workers: 8, running: 3)
    let tickets = (1...5).map { shell.ask(Int64($0)) }
    shell.settle()
    #expect(tickets.count { shell.started[$0] != nil } == 3)
    shell.finish(tickets[0])
    shell.settle()
    #expect(tickets.count { shell.started[$0] != nil } == 4)
  }

  @Test func aLongQueueOfOneTenantKeepsNobodyOut() {
    var shell = Shell(workers: 2, perTenant: 2, spares: 0, waiting: 4)
    let greedy = (0..<6).map { _ in shell.ask(1) }
    shell.settle()
    #expect(greedy.count { shell.started[$0] != nil } == 2)
    let modest = shell.ask(2)
    shell.pass(ms: 150)
    shell.finish(greedy[0])
    shell.settle()
    #expect(shell.started[modest] != nil)
    #expect(shell.started[greedy[2]] == nil)
  }

  @Test func aWorkerIsNotTakenFromItsTenantAtOnce() {
    var shell = Shell(workers: 1, spares: 0)
    let first = shell.ask(1)
    shell.settle()
    let other = shell.ask(2)
    shell.finish(first)
    #expect(shell.unreaped.isEmpty)
    let again = shell.ask(1)
    #expect(shell.started[again] != nil)
    shell.pass(ms: 150)
    shell.finish(again)
    #expect(shell.unreaped.count == 1)
    shell.settle()
    #expect(shell.started[other] != nil)
  }

  @Test func queuesAreBounded() {
    var shell = Shell(workers: 1, perTenant: 1, spares: 0)
    let tickets = (0..<5).map { _ in shell.ask(1) }
    #expect(tickets.map { shell.refused[$0] } == [nil, nil, nil, .queueFull, .queueFull])
    let others = (0..<4).map { shell.ask(Int64($0) + 2) }
    #expect(others.map { shell.refused[$0] } == [nil, nil, nil, .queueFull])
  }

  @Test func waitingEndsAtTheDeadline() {
    var shell = Shell(workers: 1, spares: 0)
    let first = shell.ask(1)
    shell.settle()
    let second = shell.ask(2, withinMs: 50)
    #expect(shell.pool.nextTick(after: shell.now) == shell.now.advanced(byMs: 50))
    shell.pass(ms: 50)
    #expect(shell.refused[second] == .timedOut)
    #expect(shell.refused[first] == nil)
  }

  @Test func anOverdueQueryIsCancelledThenKilled() {
    var shell = Shell(spares: 0)
    let ticket = shell.ask(1, withinMs: 500)
    shell.settle()
    shell.pass(ms: 499)
    #expect(shell.cancelled == [])
    shell.pass(ms: 1)
    #expect(shell.cancelled == [ticket])
    #expect(shell.pool.isOverdue(ticket, now: shell.now))
    shell.pass(ms: 999)
    #expect(shell.unreaped == [])
    shell.pass(ms: 1)
    #expect(shell.unreaped == shell.started[ticket].map { [$0] })
  }

  @Test func anAbandonedQueryIsCancelledOnceAndAnAbandonedPlaceInTheQueueIsGiven() {
    var shell = Shell(workers: 1, perTenant: 1, spares: 0)
    let first = shell.ask(1)
    shell.settle()
    let second = shell.ask(1)
    let third = shell.ask(1)
    for _ in 0..<2 {
      shell.take(shell.pool.abandon(second, now: shell.now))
      shell.take(shell.pool.abandon(first, now: shell.now))
    }
    #expect(shell.cancelled == [first])
    shell.finish(first)
    #expect(shell.started[second] == nil)
    #expect(shell.started[third] != nil)
  }

  @Test func whoeverLeavesDuringTheBindingLeavesAnIdleWorker() {
    var shell = Shell(spares: 0)
    let ticket = shell.ask(1)
    let id = shell.unborn.removeFirst()
    shell.take(shell.pool.ready(id, now: shell.now))
    shell.take(shell.pool.abandon(ticket, now: shell.now))
    shell.settle()
    #expect(shell.started[ticket] == nil)
    #expect(shell.started[shell.ask(1)] == id)
  }

  @Test func birthsThatFailAreTriedAgainLaterAndLater() {
    var shell = Shell(workers: 2, spares: 1)
    var waits: [Int] = []
    let ticket = shell.ask(1)
    for _ in 0..<5 {
      for id in shell.unborn { shell.take(shell.pool.exited(id, now: shell.now)) }
      shell.unborn = []
      var waited = 0
      while shell.unborn.isEmpty, waited < 5_000 {
        waited += 50
        shell.pass(ms: 50)
      }
      waits.append(waited)
    }
    #expect(waits == [100, 200, 400, 800, 1_000])
    #expect(shell.refused[ticket] == nil)
    shell.settle()
    #expect(shell.started[ticket] != nil)
  }

  @Test func aWorkerThatDiesWhileBindingFailsItsQuery() {
    var shell = Shell(spares: 0)
    let ticket = shell.ask(1)
    let id = shell.unborn.removeFirst()
    shell.take(shell.pool.ready(id, now: shell.now))
    shell.take(shell.pool.exited(id, now: shell.now))
    #expect(shell.refused[ticket] == .workerLost)
  }

  @Test func aBirthThatHangsIsKilled() {
    var shell = Shell(spares: 0)
    let ticket = shell.ask(1)
    shell.pass(ms: 10_000)
    #expect(shell.unreaped == shell.unborn.prefix(1).map { $0 })
    shell.unborn = []
    shell.settle()
    shell.pass(ms: 1_000)
    shell.settle()
    #expect(shell.started[ticket] != nil)
  }

  @Test func workersRetireAfterIdlenessTroubleAndManyQueries() {
    var shell = Shell(spares: 0)
    let trouble = shell.ask(1)
    shell.settle()
    shell.finish(trouble, reusable: false)
    #expect(shell.unreaped.count == 1)
    shell.settle()
    var workers: Set<PoolState.WorkerID> = []
    for _ in 0..<150 {
      let ticket = shell.ask(1)
      shell.settle()
      if let worker = shell.started[ticket] { workers.insert(worker) }
      shell.finish(ticket)
      shell.settle()
    }
    #expect(workers.count == 2)
    #expect(shell.pool.workers.count == 1)
    shell.pass(ms: 60_000)
    shell.settle()
    #expect(shell.pool.workers.isEmpty)
  }

  @Test func stoppingRefusesEverybodyAndKillsAfterTheGrace() {
    var shell = Shell(workers: 1, perTenant: 1)
    let running = shell.ask(1)
    shell.settle()
    let waiting = shell.ask(1)
    shell.take(shell.pool.stop(now: shell.now))
    #expect(shell.refused[waiting] == .stopping)
    #expect(shell.cancelled == [running])
    let late = shell.ask(2)
    #expect(shell.refused[late] == .stopping)
    shell.pass(ms: 1_000)
    shell.settle()
    #expect(shell.pool.workers.isEmpty && shell.unborn.isEmpty)
  }
}

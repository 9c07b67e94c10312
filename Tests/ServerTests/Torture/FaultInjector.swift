import Foundation
import Glibc
import PostgreSQL
import Runtime
import TestSupport

/// Has faults happen to a cluster, and makes good what they have broken.
final class FaultInjector: Sendable {
  let cluster: TortureCluster
  private let counts = Guarded<[String: Int]>([:])
  private let clock = SystemMonotonicClock()

  init(_ cluster: TortureCluster) { self.cluster = cluster }

  /// How often each fault has struck; one that found nothing to strike is not counted.
  var struck: [String: Int] { counts.withLock { $0 } }

  /// Draws and injects until the time is over; everything that was killed runs again afterwards.
  func run(_ schedule: FaultSchedule, until end: MonotonicInstant) async throws {
    var schedule = schedule
    try await withThrowingTaskGroup(of: Void.self) { group in
      while clock.now < end {
        let fault = schedule.next()
        try await clock.sleep(until: clock.now.advanced(byMs: fault.pauseBeforeMs))
        if let revival = try await inject(fault) { group.addTask { try await revival() } }
      }
      try await group.waitForAll()
    }
    try await cluster.heal()
  }

  private func count(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }

  /// - Returns: what remains to be done, while other faults may already strike elsewhere.
  private func inject(_ fault: Fault) async throws -> (@Sendable () async throws -> Void)? {
    switch fault.kind {
    case .cutConnections, .breakAtMessage, .endSessions, .restartPostgreSQL, .removePostgreSQL,
      .refuseConnections, .holdLakeHead, .takeStoreAway:
      try await injectAround(fault)
      return nil
    default: break
    }
    let candidates = cluster.processes.filter { fault.role.map($0.has) ?? true }
    let first = min(candidates.count - 1, Int(fault.victim * Double(candidates.count)))
    let order = candidates[first...] + candidates[..<first]
    guard let victim = order.first(where: { $0.take() }) else { return nil }
    return { [self] in
      defer { victim.give() }
      try await strike(victim, fault)
      if try await !victim.listens(withinSeconds: 60) {
        await victim.kill9()
        try await clock.sleep(until: clock.now.advanced(byMs: fault.absenceMs))
        guard try await victim.startUntilItListens(withinSeconds: 180) else {
          throw TortureCluster.DidNotStart(name: victim.name)
        }
      }
    }
  }

  // MARK: One process

  private func strike(_ victim: TortureProcess, _ fault: Fault) async throws {
    switch fault.kind {
    case .kill:
      await victim.kill9()
      count("kill " + victim.name)
      count(fault.name)
    case .crash(let point):
      await victim.kill9()
      try await victim.spawn([
        CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue,
      ])
      if try await victim.listens(withinSeconds: 60) {
        // What it waits for may not come about in a while: then it is killed as it is.
        _ = await victim.ended(withinSeconds: 8)
      }
      if !victim.isRunning, await victim.ended(withinSeconds: 10) == .signalled(SIGKILL) {
        count(fault.name)
      } else {
        await victim.kill9()
      }
    case .sleep(let point, let milliseconds):
      await victim.kill9()
      try await victim.spawn([
        CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue + ":stop",
      ])
      if try await sleeps(victim) {
        try await pause(victim, milliseconds)
        count(fault.name)
      } else {
        await victim.kill9()
      }
    case .pause(let milliseconds):
      try await pause(victim, milliseconds)
      count("pause " + victim.name)
      count(fault.name)
    case .killInside(let lock):
      if try await whileWaiting(victim, lock, { _ in victim.signal(SIGKILL) }) {
        await victim.kill9()
        count(fault.name)
      }
    case .endSessionInside(let lock):
      let isMet = try await whileWaiting(victim, lock) { session in
        // Ignored: when the session has ended by itself the fault has struck nothing.
        _ = try? session.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1",
          [.text(victim.place.user)])
      }
      if isMet { count(fault.name) }
    case .pauseInside(let lock, let milliseconds):
      if try await whileWaiting(victim, lock, { _ in victim.signal(SIGSTOP) }) {
        try await pause(victim, milliseconds)
        count(fault.name)
      }
    case .loseAnswer(let lock, let milliseconds):
      let isMet = try await whileWaiting(victim, lock) { _ in
        victim.signal(SIGSTOP)
        victim.proxy.arm(.init(.cut, .toClient, at: "C", isPersistent: true))
      }
      if isMet {
        try await pause(victim, milliseconds)
        victim.proxy.release()
        count(fault.name)
      }
    default: break
    }
  }

  /// Waits until the process has stopped itself.
  private func sleeps(_ victim: TortureProcess) async throws -> Bool {
    let deadline = clock.now.advanced(byMs: 20_000)
    var listening: MonotonicInstant?
    while clock.now < deadline, victim.isRunning {
      if victim.isStopped { return true }
      if listening == nil, try await victim.listens(withinSeconds: 0) { listening = clock.now }
      // What the point waits for may not come about in a while.
      if let listening, (clock.now - listening).milliseconds > 8_000 { return false }
      try await clock.sleep(until: clock.now.advanced(byMs: 20))
    }
    return false
  }

  private func pause(_ victim: TortureProcess, _ milliseconds: Int) async throws {
    victim.signal(SIGSTOP)
    defer { victim.signal(SIGCONT) }
    try await clock.sleep(until: clock.now.advanced(byMs: milliseconds))
  }

  /// Has the victim stop right before the call, holds what the call must lock, lets the victim go
  /// on, and strikes when the call waits. A call that publishes comes without having it stop.
  ///
  /// - Returns: whether a call came to wait.
  private func whileWaiting(
    _ victim: TortureProcess, _ lock: Fault.Lock,
    _ body: @escaping @Sendable (PostgreSQLSession) -> Void
  ) async throws -> Bool {
    if let point = lock.pointBefore {
      await victim.kill9()
      try await victim.spawn([
        CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue + ":stop",
      ])
      guard try await sleeps(victim) else {
        await victim.kill9()
        return false
      }
    }
    let statement =
      switch lock {
      case .publish: "SELECT tenant_id FROM duckmesh_head ORDER BY 1 FOR UPDATE"
      case .commit, .merge: "SELECT only_row FROM duckmesh_lake_head FOR UPDATE"
      }
    let user = victim.place.user
    do {
      return try await cluster.outside.transaction { (session) throws(PostgreSQLError) in
        _ = try session.query(statement)
        if lock.pointBefore != nil { victim.signal(SIGCONT) }
        for _ in 0..<40 {
          let waiting = try session.query(
            """
            SELECT pid FROM pg_stat_activity
            WHERE usename = $1 AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
            """, [.text(user)])
          if waiting.count > 0 {
            body(session)
            return true
          }
          _ = try session.query("SELECT pg_sleep(0.05)")
        }
        return false
      }
    } catch PostgreSQLError.unavailable, PostgreSQLError.refused, PostgreSQLError.outcomeUnknown {
      // PostgreSQL is away at the moment.
      victim.signal(SIGCONT)
      return false
    }
  }

  // MARK: What all share

  private func injectAround(_ fault: Fault) async throws {
    let victim = cluster.processes[
      min(cluster.processes.count - 1, Int(fault.victim * Double(cluster.processes.count)))]
    switch fault.kind {
    case .cutConnections:
      victim.proxy.cutAll()
    case .breakAtMessage(let toServer, let type, let skipping, let isReset):
      victim.proxy.arm(
        .init(
          isReset ? .reset : .cut, toServer ? .toServer : .toClient, at: type,
          skipping: skipping))
    case .endSessions(let count):
      guard
        try await ask(
          """
          SELECT pg_terminate_backend(pid) FROM (
            SELECT pid FROM pg_stat_activity WHERE usename LIKE 'p_%' ORDER BY hashint4(pid) LIMIT $1
          ) AS chosen
          """, [.int64(Int64(count))])
      else { return }
    case .restartPostgreSQL(let isCrash):
      try await cluster.postgreSQL.restart(isCrash ? .immediate : .fast)
    case .removePostgreSQL(let milliseconds):
      try await cluster.postgreSQL.stop(.immediate)
      try await clock.sleep(until: clock.now.advanced(byMs: milliseconds))
      try await cluster.postgreSQL.start()
    case .refuseConnections(let milliseconds):
      let database = cluster.database.name
      guard
        try await ask("ALTER DATABASE \(database) CONNECTION LIMIT 0", []),
        try await ask(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'p\\_%'", [])
      else { return }
      try await clock.sleep(until: clock.now.advanced(byMs: milliseconds))
      while try await !ask("ALTER DATABASE \(database) CONNECTION LIMIT -1", []) {
        try await clock.sleep(until: clock.now.advanced(byMs: 50))
      }
    case .holdLakeHead(let milliseconds):
      _ = try? await cluster.outside.transaction { (session) throws(PostgreSQLError) in
        _ = try session.query("SELECT only_row FROM duckmesh_lake_head FOR UPDATE")
        _ = try session.query("SELECT pg_sleep($1)", [.double(Double(milliseconds) / 1_000)])
      }
    case .takeStoreAway(let milliseconds):
      try await takeStoreAway(milliseconds)
    default: break
    }
    count(fault.name)
  }

  /// - Returns: false when PostgreSQL is away at the moment.
  private func ask(_ sql: String, _ values: [PostgreSQLValue]) async throws -> Bool {
    do {
      _ = try await cluster.outside.call(sql, values)
      return true
    } catch PostgreSQLError.unavailable, PostgreSQLError.outcomeUnknown {
      return false
    }
  }

  /// A file changes places with the folder, at once: a process that starts meanwhile must not
  /// find nothing there and make a store of its own.
  private func takeStoreAway(_ milliseconds: Int) async throws {
    let (place, away) = (cluster.storePath, cluster.storePath + "-away")
    _ = FileManager.default.createFile(atPath: away, contents: Data())
    cluster.storeAbsences.withLock {
      $0.count += 1
      $0.isAway = true
    }
    defer { cluster.storeAbsences.withLock { $0.isAway = false } }
    try Self.exchange(place, away)
    try await clock.sleep(until: clock.now.advanced(byMs: milliseconds))
    try Self.exchange(place, away)
  }

  struct NotExchanged: Error { let code: Int32 }

  /// `renameat2` with RENAME_EXCHANGE, which Glibc's module does not show.
  private static func exchange(_ one: String, _ other: String) throws {
    typealias Rename =
      @convention(c) (
        Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
      ) -> Int32
    guard let symbol = dlsym(nil, "renameat2") else { throw NotExchanged(code: ENOSYS) }
    let rename = unsafeBitCast(symbol, to: Rename.self)
    guard rename(AT_FDCWD, one, AT_FDCWD, other, 2) == 0 else { throw NotExchanged(code: errno) }
  }
}

import Foundation
import PostgreSQL
import Runtime
import SimdJSON

/// What must hold when all faults are over and everything has been written: each record where its
/// receipt says, each account balanced, each file there.
struct FinalCheck: Sendable {
  let cluster: TortureCluster
  let history: History
  let workload: Workload

  /// What the report tells of the lake.
  struct Totals: Sendable {
    var rows = 0
    var deadLetters = 0
    var snapshots = 0
    var comparedSnapshots = 0
    var takeoversMs: [Int] = []
  }

  func run() async throws -> Totals {
    var totals = Totals()
    try await drain()
    for tenant in Workload.tenants {
      let rows = try await readEverything(tenant)
      let letters = try await readDeadLetters(tenant)
      history.checkAccounts(tenant, rows: rows, deadLetters: letters)
      totals.rows += rows.values.map(\.count).reduce(0, +)
      totals.deadLetters += letters.count
    }
    let keeper = cluster.processes(with: "maintenance")[0]
    for kind in ["integrity", "compaction", "retention", "integrity"] {
      try await untilAnswered(kind) {
        switch await workload.run(kind, at: keeper, timeoutMs: 300_000) {
        case nil: return false
        case let answer? where answer.errorCode == "INTEGRITY_CHECK_FAILED":
          history.violate(.integrity, String(answer.text.prefix(2_000)))
          return true
        case let answer?: return answer.status == 200
        }
      }
    }
    await readPinsAgain()
    try await lookAtMetrics()
    let faults = await cluster.stop()
    if !faults.isEmpty { history.violate(.noOrderlyEnd, faults.joined(separator: ", ")) }
    totals.snapshots = try await CatalogInspection(cluster: cluster, history: history).run()
    totals.comparedSnapshots = try await OfficialComparison(cluster: cluster, history: history)
      .run()
    return totals
  }

  /// Until nothing is pending any more.
  private func drain() async throws {
    let api = cluster.processes(with: "api")
    for tenant in Workload.tenants {
      try await untilAnswered("drain \(tenant)") {
        await workload.lag(tenant, at: api[0]) == 0
      }
    }
  }

  /// Once something has not come about, no more than a moment is given to each of the others: the
  /// run has failed, and its report is waited for.
  private func untilAnswered(
    _ what: String, _ body: () async throws -> Bool
  ) async throws {
    let clock = SystemMonotonicClock()
    let hasFailed = history.violations.contains { $0.rule == .refusedForEver }
    let deadline = clock.now.advanced(byMs: (hasFailed ? 5 : Workload.patienceSeconds) * 1_000)
    while clock.now < deadline {
      if try await body() { return }
      try await clock.sleep(until: clock.now.advanced(byMs: 100))
    }
    history.violate(.refusedForEver, what)
  }

  /// All rows of a tenant's tables, through each process that answers queries.
  private func readEverything(
    _ tenant: String
  ) async throws -> [History.TableName: [(number: Int, content: Int64)]] {
    var all: [History.TableName: [(number: Int, content: Int64)]] = [:]
    let tables = (Workload.calm + [Workload.gale]).filter { $0.tenant == tenant }
    for process in cluster.processes(with: "query") {
      for table in tables {
        var gone = 0
        try await untilAnswered("read \(table.text)") {
          let reply = await workload.client(table).query(
            "SELECT n, content FROM \(table.table)", to: process)
          if reply?.status == 410 {
            // With all in order again, files of the newest state are not gone for a moment.
            gone += 1
            guard gone > 20 else { return false }
            history.violate(.fileMissing, "of \(table.text), read by \(process.name)")
            all[table] = []
            return true
          }
          guard let reply, !reply.isPassing else { return false }
          if table.isStormy, reply.status == 404 {
            all[table] = []
            return true
          }
          guard let answer = Workload.rows(reply) else {
            history.violate(.unexpectedAnswer, String(reply.text.prefix(300)))
            return true
          }
          history.checkFinal(table, answer.rows, watermark: answer.watermark)
          all[table] = answer.rows
          return true
        }
      }
    }
    return all
  }

  private func readDeadLetters(_ tenant: String) async throws -> [(key: String, token: Int64)] {
    var letters: [(key: String, token: Int64)] = []
    var page = ""
    let api = cluster.processes(with: "api")[0]
    var isComplete = false
    try await untilAnswered("dead letters of \(tenant)") {
      let reply = await workload.client(tenant).send(
        "GET", "/v1/dead-letters?limit=500\(page)", to: api)
      guard let reply, reply.status == 200 else { return false }
      for letter in reply["dead_letters"]?.elements ?? [] {
        guard let key = letter["idempotency_key"]?.text, let token = letter["token"]?.integer
        else { continue }
        letters.append((key, token))
      }
      isComplete = reply["next_page_token"]?.text == nil
      page = "&page_token=" + (reply["next_page_token"]?.text ?? "")
      return isComplete
    }
    return letters
  }

  /// The accounts as the processes themselves keep them.
  private func lookAtMetrics() async throws {
    for process in cluster.processes {
      try await untilAnswered("metrics of \(process.name)") {
        let reply = await workload.client("north").send("GET", "/v1/metrics", to: process)
        guard let reply, reply.status == 200 else { return false }
        for line in reply.text.split(separator: "\n")
        where line.hasPrefix("duckmesh_accounting_imbalance_events{") && !line.hasSuffix(" 0") {
          history.violate(.accountsDiffer, "\(process.name): \(line)")
        }
        return true
      }
    }
  }

  /// What was read at a snapshot once is read there again, as far as retention has kept it.
  private func readPinsAgain() async {
    let processes = cluster.processes(with: "query")
    let pins = history.state.withLock { Array($0.pins.keys) }
      .sorted { ($0.snapshot, $0.table.text) < ($1.snapshot, $1.table.text) }
    let step = max(1, pins.count / 200)
    for (index, pin) in pins.enumerated() where index % step == 0 {
      _ = await workload.pinSums(
        pin.table, at: processes[index % processes.count], snapshot: pin.snapshot)
    }
  }
}

extension History {
  /// The rows of a table when nothing is pending any more.
  func checkFinal(
    _ table: TableName, _ rows: [(number: Int, content: Int64)], watermark: Int64
  ) {
    state.withLock { state in
      // With nothing pending, no receipt may be beyond the watermark.
      for number in state.numbers[table] ?? [] where !table.isStormy {
        guard let token = state.records[number].token, token > watermark else { continue }
        state.violate(
          .acknowledgedIsMissing, "its token is beyond the last watermark \(watermark)",
          record: number)
      }
      state.check(
        rows: rows, of: table, from: 0, watermark: watermark, rule: .acknowledgedIsMissing,
        place: "the last read")
    }
  }

  /// Every accepted token is a row, a row of a dropped table, or a dead letter.
  func checkAccounts(
    _ tenant: String, rows: [TableName: [(number: Int, content: Int64)]],
    deadLetters: [(key: String, token: Int64)]
  ) {
    state.withLock { state in
      var lettered: [Int: Int] = [:]
      for letter in deadLetters {
        guard let number = Int(letter.key.dropFirst()), state.records.indices.contains(number)
        else {
          state.violate(.rowNobodyWrote, "dead letter \(letter.key) of \(tenant)")
          continue
        }
        lettered[number, default: 0] += 1
        let record = state.records[number]
        guard !record.table.isStormy else { continue }
        if !record.isBad { state.violate(.wronglyDeadLettered, "", record: number) }
        if lettered[number] == 2 { state.violate(.rowTwice, "two dead letters", record: number) }
        if record.isExact, record.token != letter.token {
          state.violate(.tokenChanged, "dead letter with \(letter.token)", record: number)
        }
      }
      for table in rows.keys {
        state.checkEachRecord(table, rows[table] ?? [], lettered)
      }
      let graves = state.graves.filter { $0.key.tenant == tenant }.values.joined()
      let total =
        rows.values.map(\.count).reduce(0, +) + deadLetters.count
        + graves.map(\.count).reduce(0, +)
      let isKnown = !state.unknownGraves.contains { $0.hasPrefix(tenant + ".") }
      let head = state.heads[tenant] ?? 0
      if isKnown, Int64(total) != head {
        state.violate(
          .accountsDiffer,
          "\(tenant): \(head) accepted, \(total) rows and dead letters"
            + " (\(deadLetters.count) dead letters)")
      }
      if let highest = state.exact[tenant]?.keys.max(), highest > head {
        state.violate(.accountsDiffer, "\(tenant): token \(highest) above the head \(head)")
      }
    }
  }
}

extension History.State {
  fileprivate mutating func checkEachRecord(
    _ table: History.TableName, _ rows: [(number: Int, content: Int64)], _ lettered: [Int: Int]
  ) {
    let live = Set(rows.map(\.number))
    let buried = graves[table] ?? []
    let isKnown = !unknownGraves.contains(table.text)
    for number in numbers[table] ?? [] {
      let record = records[number]
      let places =
        (live.contains(number) ? 1 : 0) + (lettered[number] ?? 0)
        + buried.count { $0[number] != nil }
      if record.token != nil, places == 0, isKnown {
        violate(.acknowledgedIsMissing, "neither row nor dead letter", record: number)
      }
      if !table.isStormy, places > 1 {
        violate(.rowTwice, "row and dead letter", record: number)
      }
      if places > max(1, record.events.count) {
        let graves = buried.indices.filter { buried[$0][number] != nil }
        violate(
          .rowTwice,
          "\(places) places: live \(live.contains(number)), dead letters \(lettered[number] ?? 0),"
            + " dropped tables \(graves) of \(buried.count)", record: number)
      }
    }
  }
}

import Runtime
import SimdJSON

/// One table is made, changed and dropped again and again, through any process, under ingest.
extension Workload {
  func storm(_ generator: SeededGenerator) async throws {
    var random = generator
    while goesOn {
      let processes = cluster.processes(with: "api")
      let maker = processes[random.below(processes.count)]
      let other = processes[random.below(processes.count)]
      let salt = Int64(random.below(1 << 30))
      guard try await settleDDL("create", &random, { await self.create(Self.gale, at: maker) })
      else { return }
      try await expectTable(exists: true, salt, at: other, &random)
      for change in Self.changes.prefix(random.below(Self.changes.count + 1)) {
        try await pause(random.below(600))
        let patcher = processes[random.below(processes.count)]
        guard
          try await settleDDL(
            "patch", &random, { await self.change(change, at: patcher) })
        else { return }
        let witness = processes[random.below(processes.count)]
        try await expectColumns(change.names, at: witness, &random)
      }
      try await pause(200 + random.below(1_500))
      guard
        try await settleDDL(
          "drop", &random,
          { await self.client(Self.gale).send("DELETE", "/v1/tables/gale", to: other) })
      else { return }
      try await expectTable(exists: false, salt, at: maker, &random)
      try await bury(&random)
      try await pause(random.below(300))
    }
  }

  /// Asks until the change has certainly happened.
  private func settleDDL(
    _ operation: String, _ random: inout SeededGenerator,
    _ request: () async -> Reply?
  ) async throws -> Bool {
    let deadline = clock.now.advanced(byMs: Self.patienceSeconds * 1_000)
    var isOpen = false
    while clock.now < deadline {
      let reply = await request()
      history.count(operation, reply?.outcome ?? "no answer")
      switch reply?.status {
      case 200, 201: return true
      // Only after an answer that never came may it have happened before.
      case 404 where isOpen && operation == "drop", 409 where isOpen && operation == "create":
        return true
      case let status? where [408, 429, 500, 503, 504].contains(status): isOpen = true
      case nil: isOpen = true
      default:
        history.violate(
          .tableNotSeen, "\(operation) of gale: \(reply?.text.prefix(300) ?? "")")
        return true
      }
      try await pause(20 + random.below(150))
    }
    history.violate(.refusedForEver, operation + " of gale")
    return false
  }

  /// A next schema of the table. Writers send the same members all the time, so that what they have
  /// sent under one version lands under the next.
  private struct SchemaChange {
    let names: [String]
    let columns: String
  }

  private static let changes = [
    SchemaChange(
      names: ["n", "content", "padding", "mark"],
      columns: #"""
        {"name": "n", "type": "BIGINT"}, {"name": "content", "type": "INTEGER"},
        {"name": "padding", "type": "VARCHAR"},
        {"name": "mark", "type": "VARCHAR", "default": "none"}
        """#),
    SchemaChange(
      names: ["n", "content", "padding", "label"],
      columns: #"""
        {"name": "n", "type": "BIGINT"}, {"name": "content", "type": "BIGINT"},
        {"name": "padding", "type": "VARCHAR"},
        {"name": "label", "type": "VARCHAR", "default": "none", "renamed_from": "mark"}
        """#),
    SchemaChange(
      names: ["n", "content", "padding", "size"],
      columns: #"""
        {"name": "n", "type": "BIGINT"}, {"name": "content", "type": "BIGINT"},
        {"name": "padding", "type": "VARCHAR"}, {"name": "size", "type": "INTEGER"}
        """#),
  ]

  private func change(_ change: SchemaChange, at process: TortureProcess) async -> Reply? {
    await client(Self.gale).send(
      "PATCH", "/v1/tables/gale", #"{"schema_json": {"columns": [\#(change.columns)]}}"#,
      to: process)
  }

  /// What one process has answered every other one must know.
  private func expectColumns(
    _ names: [String], at process: TortureProcess, _ random: inout SeededGenerator
  ) async throws {
    let deadline = clock.now.advanced(byMs: Self.patienceSeconds * 1_000)
    while clock.now < deadline {
      let reply = await client(Self.gale).send("GET", "/v1/tables/gale", to: process)
      history.count("describe", reply?.outcome ?? "no answer")
      if let reply, reply.status == 200 {
        let columns = reply["schema_json", "columns"]?.elements?.compactMap { $0["name"]?.text }
        if columns != names {
          history.violate(.tableNotSeen, "not changed: \(reply.text.prefix(600))")
        }
        return
      }
      if let reply, !reply.isPassing {
        return history.violate(.tableNotSeen, "no table to change: \(reply.text.prefix(300))")
      }
      try await pause(50 + random.below(150))
    }
    history.violate(.refusedForEver, "describe of gale")
  }

  /// What one process has answered every other one must know.
  private func expectTable(
    exists: Bool, _ salt: Int64, at process: TortureProcess, _ random: inout SeededGenerator
  ) async throws {
    let number = history.newRecords(Self.gale, count: 1) { salt &+ Int64($0) }[0]
    let batch = Batch(table: Self.gale, numbers: [number], contents: [salt &+ Int64(number)])
    let ending = try await send(
      batch, operation: exists ? "write made" : "write dropped", only: process, &random)
    switch ending {
    case .acknowledged where !exists, .refused where exists:
      history.violate(
        .tableNotSeen, exists ? "not found after its creation" : "accepted after its drop",
        record: number)
    default: break
    }
  }

  /// Reads what the dropped table held at the end, which older snapshots still show.
  private func bury(_ random: inout SeededGenerator) async throws {
    let deadline = clock.now.advanced(byMs: Self.patienceSeconds * 1_000)
    let processes = cluster.processes(with: "query")
    while clock.now < deadline {
      let process = processes[random.below(processes.count)]
      if let rows = await lastRows(process) {
        history.bury(Self.gale, rows)
        return
      }
      try await pause(50 + random.below(150))
    }
    history.violate(.refusedForEver, "rows of the dropped table")
  }

  private func lastRows(_ process: TortureProcess) async -> [(number: Int, content: Int64)]? {
    let list = await client(Self.gale).send("GET", "/v1/snapshots?limit=100", to: process)
    guard let list, list.status == 200 else { return nil }
    let newest = list["snapshots"]?.elements?.first { snapshot in
      snapshot["tables"]?.elements?.contains { $0["table_name"]?.text == "gale" } ?? false
    }
    guard let id = newest?["snapshot_id"]?.integer else {
      // None shows it any more: retention was faster.
      history.loseGrave(Self.gale.text)
      return []
    }
    let reply = await client(Self.gale).query(
      "SELECT n, content FROM gale", #", "snapshot_id": \#(id)"#, to: process)
    history.count("read dropped", reply?.outcome ?? "no answer")
    return reply.flatMap { Self.rows($0)?.rows }
  }

  // MARK: Lists, accounts, and runs by hand

  func operate(_ generator: SeededGenerator) async throws {
    var random = generator
    while goesOn {
      let tenant = Self.tenants[random.below(Self.tenants.count)]
      let readers = cluster.processes.filter { $0.has("api") || $0.has("query") }
      let reader = readers[random.below(readers.count)]
      let writers = cluster.processes(with: "api")
      let writer = writers[random.below(writers.count)]
      let keeper = cluster.processes(with: "maintenance")[0]
      switch random.below(20) {
      case 0..<9: await list(tenant, at: reader)
      case 9..<17: _ = await lag(tenant, at: writer)
      case 17: await run("compaction", at: keeper)
      case 18: await run("retention", at: keeper)
      default: await checkIntegrity(at: keeper)
      }
      try await pause(50 + random.below(200))
    }
  }

  private func list(_ tenant: String, at process: TortureProcess) async {
    let reply = await client(tenant).send("GET", "/v1/snapshots?limit=100", to: process)
    history.count("list snapshots", reply?.outcome ?? "no answer")
    guard let reply, reply.status == 200 else { return }
    let lines = reply["snapshots"]?.elements?.compactMap { snapshot -> History.SnapshotLine? in
      guard let id = snapshot["snapshot_id"]?.integer, let time = snapshot["created_at"]?.text,
        let watermark = snapshot["max_visibility_token"]?.integer
      else { return nil }
      var rows: [String: Int64] = [:]
      for table in snapshot["tables"]?.elements ?? [] {
        rows[table["table_name"]?.text ?? ""] = table["rows"]?.integer
      }
      return .init(id: id, time: time, watermark: watermark, rows: rows)
    }
    history.checkList(tenant: tenant, lines ?? [])
  }

  /// - Returns: pending events, or nil when nobody told.
  func lag(_ tenant: String, at process: TortureProcess) async -> Int64? {
    let earlier = history.progress(tenant)
    let reply = await client(tenant).send("GET", "/v1/lag", to: process)
    history.count("lag", reply?.outcome ?? "no answer")
    guard let reply, reply.status == 200, let accepted = reply["accepted_events"]?.integer,
      let visible = reply["latest_visibility_token"]?.integer,
      let pending = reply["pending_events"]?.integer
    else { return nil }
    history.checkLag(
      tenant: tenant, accepted: accepted, visible: visible, pending: pending, earlier: earlier)
    return pending
  }

  @discardableResult
  func run(_ kind: String, at process: TortureProcess, timeoutMs: Int = 60_000) async -> Reply? {
    let reply = await client("north").send(
      "POST", "/v1/\(kind)/run", to: process, timeoutMs: timeoutMs)
    history.count(kind, reply?.outcome ?? "no answer")
    return reply
  }

  /// While the object store is away its files are missing indeed.
  private func checkIntegrity(at process: TortureProcess) async {
    let before = cluster.storeAbsences.withLock { $0 }
    let reply = await run("integrity", at: process)
    guard reply?.errorCode == "INTEGRITY_CHECK_FAILED",
      !before.isAway, cluster.storeAbsences.withLock({ $0 }) == before
    else { return }
    history.violate(.integrity, String(reply?.text.prefix(2_000) ?? ""))
  }
}

extension History {
  /// What a dropped table held at its end.
  func bury(_ table: TableName, _ rows: [(number: Int, content: Int64)]) {
    state.withLock { state in
      state.check(
        rows: rows, of: table, from: 0, watermark: .max, rule: .acknowledgedIsMissing,
        place: "the dropped table")
      state.graves[table, default: []].append(
        Dictionary(rows.map { ($0.number, $0.content) }, uniquingKeysWith: { first, _ in first }))
    }
  }

  func loseGrave(_ table: String) { state.withLock { _ = $0.unknownGraves.insert(table) } }
}

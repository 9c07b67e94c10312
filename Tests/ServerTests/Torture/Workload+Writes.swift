import Runtime

/// Clients that write.
extension Workload {
  /// What a request that is sent until it is answered came to.
  enum Ending: Sendable {
    case acknowledged(duplicates: Int64?)
    case refused(String)
    case unanswered
  }

  struct Batch: Sendable {
    let table: History.TableName
    let numbers: [Int]
    var contents: [Int64]
    var waits = false
    var deadLetters = false
  }

  func write(_ generator: SeededGenerator) async throws {
    var random = generator
    while goesOn {
      let table =
        random.chance(15) ? Self.gale : Self.calm[random.below(Self.calm.count)]
      let kind = random.below(100)
      let fraction = Double(random.below(10_000)) / 10_000
      let (waits, bad, size) = (random.chance(20), random.chance(30), 2 + random.below(60))
      let salt = Int64(random.below(1 << 30))
      switch kind {
      case 0..<45: try await fresh(table, 1, salt, waits: waits, bad: false, &random)
      case 45..<70: try await fresh(table, size, salt, waits: waits, bad: false, &random)
      case 70..<78: try await fresh(table, 1 + size % 5, salt, waits: waits, bad: bad, &random)
      case 78..<88: try await again(table, at: fraction, isSame: true, &random)
      case 88..<95: try await again(table, at: fraction, isSame: false, &random)
      default: try await duel(Self.calm[random.below(Self.calm.count)], salt, &random)
      }
      try await pause(random.below(40))
    }
  }

  private func fresh(
    _ table: History.TableName, _ count: Int, _ salt: Int64, waits: Bool, bad: Bool,
    _ random: inout SeededGenerator
  ) async throws {
    let numbers = history.newRecords(table, count: count, isBad: bad) { salt &+ Int64($0) }
    let batch = Batch(
      table: table, numbers: numbers, contents: numbers.map { salt &+ Int64($0) }, waits: waits,
      deadLetters: bad)
    _ = try await send(
      batch, operation: bad ? "write bad" : count == 1 ? "write" : "write batch",
      &random)
  }

  /// Sends an acknowledged record again, as it was or with other content.
  private func again(
    _ table: History.TableName, at fraction: Double, isSame: Bool,
    _ random: inout SeededGenerator
  ) async throws {
    guard !table.isStormy, let number = history.acknowledged(table, at: fraction) else { return }
    let content = history.record(number).content
    let batch = Batch(table: table, numbers: [number], contents: [isSame ? content : content ^ 1])
    let ending = try await send(
      batch, operation: isSame ? "repeat" : "reuse", learns: isSame, &random)
    switch ending {
    case .acknowledged(let duplicates):
      if !isSame {
        history.acceptedOtherContent(number)
      } else if let duplicates, duplicates != 1 {
        history.violate(.acceptedTwice, "no duplicate", record: number)
      }
    case .refused(let code):
      if isSame || code != "IDEMPOTENCY_KEY_REUSED" {
        history.violate(.unexpectedAnswer, code, record: number)
      }
    case .unanswered: break
    }
  }

  /// Two clients send other contents under one key at the same time: exactly one may count.
  private func duel(
    _ table: History.TableName, _ salt: Int64, _ random: inout SeededGenerator
  ) async throws {
    let number = history.newRecords(table, count: 1, rivals: true) { salt &+ Int64($0) }[0]
    let record = history.record(number)
    let seeds = (random.next(), random.next())
    @Sendable func fight(_ content: Int64, _ seed: UInt64) async throws -> Bool? {
      var own = SeededGenerator(seed: seed)
      let batch = Batch(table: table, numbers: [number], contents: [content])
      switch try await send(batch, operation: "duel", &own) {
      case .acknowledged: return true
      case .refused(let code):
        if code != "IDEMPOTENCY_KEY_REUSED" {
          history.violate(.unexpectedAnswer, code, record: number)
        }
        return false
      case .unanswered: return nil
      }
    }
    async let first = fight(record.content, seeds.0)
    async let second = fight(record.rival ?? 0, seeds.1)
    if let first = try await first, let second = try await second {
      history.settle(number, firstIsAccepted: first, secondIsAccepted: second)
    }
  }

  // MARK: One request until it is answered

  func send(
    _ batch: Batch, operation: String, learns: Bool = true, only: TortureProcess? = nil,
    _ random: inout SeededGenerator
  ) async throws -> Ending {
    let body = Self.body(batch)
    let processes = cluster.processes(with: "api")
    let deadline = clock.now.advanced(byMs: Self.patienceSeconds * 1_000)
    while clock.now < deadline {
      let process = only ?? processes[random.below(processes.count)]
      let began = history.nowMs
      var reply: Reply?
      if let address = process.address {
        reply = await client(batch.table).send(
          "POST", "/v1/ingest/" + batch.table.table, body, at: address)
        // Also where the process is gone by now: it may have taken the records before.
        history.note(
          batch.numbers, began: began, process: process.name,
          operation + " " + (reply.map { "\($0.outcome) \($0.token ?? 0)" } ?? "no answer"))
      }
      history.count(operation, reply?.outcome ?? "no answer")
      if let reply, let ending = receive(reply, batch, learns: learns) { return ending }
      try await pause(20 + random.below(150))
    }
    history.violate(.refusedForEver, operation, record: batch.numbers.first)
    return .unanswered
  }

  /// - Returns: nil when the outcome is still open.
  private func receive(_ reply: Reply, _ batch: Batch, learns: Bool) -> Ending? {
    let context = reply["context"]
    switch (reply.status, reply.errorCode) {
    case (200, _), (422, "DEAD_LETTERED"):
      let source = reply.status == 200 ? reply.json : context
      guard let token = source?["max_visibility_token"]?.integer else {
        history.violate(.unexpectedAnswer, String(reply.text.prefix(300)))
        return .unanswered
      }
      if reply.status == 422, !batch.deadLetters, !batch.table.isStormy {
        history.violate(
          .wronglyDeadLettered, String(reply.text.prefix(300)), record: batch.numbers.first)
      }
      var letters: [Int: Int64] = [:]
      for letter in source?["dead_lettered"]?.elements ?? [] {
        if let index = letter["index"]?.integer, let token = letter["token"]?.integer {
          letters[Int(index)] = token
        }
      }
      let duplicates = source?["duplicate_count"]?.integer
      if learns {
        history.acknowledge(
          batch.numbers, token: token, accepted: source?["accepted_count"]?.integer,
          duplicates: duplicates, deadLettered: letters)
      }
      return .acknowledged(duplicates: duplicates)
    case (504, "CONSISTENCY_TIMEOUT"), (429, "QUEUE_FULL"):
      guard let token = context?["requested_token"]?.integer else { return nil }
      if learns {
        history.acknowledge(batch.numbers, token: token, accepted: nil, duplicates: nil)
      }
      return .acknowledged(duplicates: nil)
    case _ where reply.isPassing: return nil
    default:
      let code = reply.errorCode ?? "\(reply.status)"
      let isKnown =
        code == "IDEMPOTENCY_KEY_REUSED" || (code == "TABLE_NOT_FOUND" && batch.table.isStormy)
      if !isKnown {
        history.violate(
          .unexpectedAnswer, String(reply.text.prefix(300)), record: batch.numbers.first)
      }
      return .refused(code)
    }
  }

  private static func body(_ batch: Batch) -> String {
    let records = zip(batch.numbers, batch.contents).map { number, content in
      let value = batch.deadLetters ? #""no number""# : "\(content)"
      return #"{"idempotency_key": "k\#(number)", "op": "insert", "payload": "#
        + #"{"n": \#(number), "content": \#(value), "padding": "\#(padding)"}}"#
    }
    return #"{"records": [\#(records.joined(separator: ","))]"#
      + (batch.waits ? #", "wait_for_visibility": true"# : "")
      + (batch.deadLetters ? #", "on_error": "dead_letter""# : "") + "}"
  }

  private static let padding = String(repeating: "padding ", count: 12)
}

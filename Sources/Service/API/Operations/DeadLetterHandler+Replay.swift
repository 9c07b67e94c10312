import Catalog
import Edge
import HTTPServer
import Model
import Runtime
import SimdJSON

/// `POST /v1/dead-letters/replay`.
///
/// The request is made durable for every letter that the edge takes, and is then waited for: a
/// coordinator, here or elsewhere, carries it out. Who asks again, for whatever cause, is told what
/// became of the same letters.
extension DeadLetterHandler {
  /// What is known of one letter.
  private enum Result {
    case settled(SettledLetter)
    case refused(token: VisibilityToken, reason: String, message: String)
    case pending(token: VisibilityToken)
    case unknown
  }

  private static let shortestPauseMs = 5
  private static let longestPauseMs = 200

  func replay(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let order = try ReplayOrder(body: request.body, limits: services.limits.request)
    guard !services.storage.isBelowFloor else { throw .storageFull }
    let tenant = try await services.tenant(context, makes: false)
    let deadline = services.clock.now.advanced(byMs: order.timeoutMs)
    let letters = try await reading { () async throws(CatalogError) in
      try await self.services.catalog.deadLetters(
        tenant: tenant.id, matching: order.filter, after: nil, limit: order.limit)
    }
    let ids = order.ids ?? letters.map(\.id)
    var results: [Int64: Result] = [:]
    let requests = try await checked(letters, order, &results)
    // Letters that were settled before, or by somebody else just now, are told as they are.
    let known = try await reading { () async throws(CatalogError) in
      try await self.services.catalog.standings(of: ids, tenant: tenant.id)
    }
    for (id, standing) in known {
      if case .settled(let letter) = standing { results[id] = .settled(letter) }
    }
    if !requests.isEmpty {
      let tokens = Dictionary(letters.map { ($0.id, $0.token) }) { first, _ in first }
      try await carryOut(requests, tokens, tenant: tenant.id, until: deadline, &results)
    }
    return answer(ids, results, context)
  }

  /// The requests for letters whose payload the edge takes under the table's present schema.
  ///
  /// - Throws: `SCHEMA_VIOLATION` for a corrected payload that does not fit; nothing is asked for
  ///   then.
  private func checked(
    _ letters: [DeadLetterRecord], _ order: ReplayOrder, _ results: inout [Int64: Result]
  ) async throws(APIError) -> [ReplayRequest] {
    let records = try await reading { () async throws(CatalogError) in
      try await self.services.catalog.tables(ids: Array(Set(letters.map(\.table))))
    }
    let parser = IngestParser(limits: IngestLimits(services.limits.request))
    var tables: [TableID: DirectoryTable] = [:]
    for record in records where !record.isDropped {
      tables[record.id] = DirectoryTable(record)
    }
    var requests: [ReplayRequest] = []
    for letter in letters {
      guard let table = tables[letter.table] else {
        results[letter.id] = .refused(
          token: letter.token, reason: "TABLE_DROPPED", message: "the table was dropped")
        continue
      }
      let correction = order.payloads[letter.id]
      switch Self.check(correction ?? letter.payload, of: letter, table, parser) {
      case .success(let payload):
        requests.append(
          ReplayRequest(
            letter: letter.id, payload: payload == letter.payload ? nil : payload,
            schemaVersion: table.record.schemaVersion))
      case .failure(let refusal):
        if correction != nil { throw refusal.error(letter.id) }
        results[letter.id] = .refused(
          token: letter.token, reason: refusal.reason, message: refusal.message)
      }
    }
    return requests
  }

  /// Why the edge does not take a payload.
  private struct Refusal: Error {
    let reason: String
    let message: String

    func error(_ id: Int64) -> APIError {
      APIError(
        400, "SCHEMA_VIOLATION", "a corrected payload does not fit: \(message)",
        context: [.init("dead_letter_id", .integer(id))])
    }
  }

  /// - Returns: the payload that the materialiser takes.
  private static func check(
    _ payload: [UInt8], of letter: DeadLetterRecord, _ table: DirectoryTable,
    _ parser: IngestParser
  ) -> Swift.Result<[UInt8], Refusal> {
    guard (try? JSONValue(parsing: payload)) != nil,
      let operation = IngestOperation(rawValue: letter.operation)
    else { return .failure(Refusal(reason: letter.reason, message: letter.message)) }
    var writer = JSONWriter(reserving: payload.count + 100)
    writer.beginObject()
    writer.name("records")
    writer.beginArray()
    writer.beginObject()
    // The key was used when the letter was written, and is not used again.
    writer.member("idempotency_key", "replay")
    writer.member("op", operation.name)
    writer.name("payload")
    writer.raw(payload)
    writer.endObject()
    writer.endArray()
    writer.endObject()
    do throws(EdgeError) {
      let parsed = try parser.parse(writer.bytes, for: table.ingest)
      guard parsed.violationCount == 0 else {
        return .failure(
          Refusal(reason: "SCHEMA_VIOLATION", message: IngestHandler.text(of: parsed.violations)))
      }
      return .success(Array(parsed.payload(of: parsed.records[0])))
    } catch {
      return .failure(Refusal(reason: error.errorCode, message: error.message))
    }
  }

  private func carryOut(
    _ requests: [ReplayRequest], _ tokens: [Int64: VisibilityToken], tenant: TenantID,
    until deadline: MonotonicInstant, _ results: inout [Int64: Result]
  ) async throws(APIError) {
    var standings = try await reading { () async throws(CatalogError) in
      try await self.services.catalog.requestReplays(requests, tenant: tenant)
    }
    services.hub.demandReplays(of: tenant)
    var pauseMs = Self.shortestPauseMs
    while true {
      var waiting: [Int64] = []
      for request in requests {
        let token = tokens[request.letter] ?? .none
        switch standings[request.letter] {
        case .settled(let letter): results[request.letter] = .settled(letter)
        case .open(_, let isWanted, let reason, let message):
          results[request.letter] =
            isWanted
            ? .pending(token: token) : .refused(token: token, reason: reason, message: message)
          if isWanted { waiting.append(request.letter) }
        case nil: results[request.letter] = .unknown
        }
      }
      let now = services.clock.now
      guard !waiting.isEmpty, now < deadline else { return }
      let pause = min(deadline, now.advanced(byMs: pauseMs))
      do { try await services.clock.sleep(until: pause) } catch { return }
      pauseMs = min(pauseMs * 2, Self.longestPauseMs)
      let asked = waiting
      let news = try await reading { () async throws(CatalogError) in
        try await self.services.catalog.standings(of: asked, tenant: tenant)
      }
      for id in waiting { standings[id] = news[id] }
    }
  }

  private func answer(
    _ ids: [Int64], _ results: [Int64: Result], _ context: RequestContext
  ) -> HTTPResponse {
    var isPending = false
    var counts: [String: Int] = [:]
    var newest: SnapshotID?
    var list = JSONWriter()
    list.beginArray()
    for id in ids {
      let result = results[id] ?? .unknown
      let outcome = Self.outcome(of: result)
      counts[outcome, default: 0] += 1
      list.beginObject()
      list.member("dead_letter_id", id)
      switch result {
      case .settled(let letter):
        list.member("token", letter.token.rawValue)
        list.member("outcome", outcome)
        if let snapshot = letter.snapshot {
          list.member("snapshot_id", snapshot.rawValue)
          newest = max(newest ?? snapshot, snapshot)
        }
      case .refused(let token, let reason, let message):
        list.member("token", token.rawValue)
        list.member("outcome", outcome)
        list.member("reason", reason)
        list.member("message", message)
      case .pending(let token):
        isPending = true
        list.member("token", token.rawValue)
        list.member("outcome", outcome)
      case .unknown: list.member("outcome", outcome)
      }
      list.endObject()
    }
    list.endArray()
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", isPending ? "pending" : "completed")
      for name in Self.outcomes { writer.member("\(name)_count", counts[name] ?? 0) }
      if let newest { writer.member("visible_snapshot_id", newest.rawValue) }
      writer.name("results")
      writer.raw(list.bytes)
      writer.endObject()
    }
  }

  private static let outcomes =
    LetterSettlement.allCases.map(\.rawValue) + ["dead_letter", "pending", "not_found"]

  private static func outcome(of result: Result) -> String {
    switch result {
    case .settled(let letter): letter.settlement.rawValue
    case .refused: "dead_letter"
    case .pending: "pending"
    case .unknown: "not_found"
    }
  }

  private func reading<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(APIError) -> Value {
    do { return try await body() } catch { throw APIError(error) }
  }
}

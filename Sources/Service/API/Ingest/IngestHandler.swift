import Catalog
import Consistency
import Edge
import HTTPServer
import IngestBus
import Model
import Observability
import Publisher
import Runtime
import SimdJSON

/// `POST /v1/ingest/{table}`: from a JSON body to a durable receipt.
struct IngestHandler: Sendable {
  let services: APIServices
  private let parser: IngestParser
  /// How often a request is checked anew because the table changed between check and publish.
  private static let schemaAttempts = 4

  init(services: APIServices) {
    self.services = services
    parser = IngestParser(limits: IngestLimits(services.limits.request))
  }

  func handle(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let started = services.clock.now
    guard !services.storage.isBelowFloor else { throw .storageFull }
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let name = context.parameters[0]
    services.metrics.ingest.bodyBytes.increment(by: request.body.count)
    var isCharged = false
    for _ in 0..<Self.schemaAttempts {
      guard let table = try await services.directory.table(named: name, of: tenant) else {
        throw .tableNotFound(named: [name])
      }
      let parsed: IngestRequest
      do throws(EdgeError) {
        parsed = try parser.parse(request.body, for: table.ingest)
      } catch {
        if error.dependsOnTable, try await isStale(table, name: name, tenant) { continue }
        throw APIError(error)
      }
      if parsed.violationCount > 0, parsed.onError == .reject,
        try await isStale(table, name: name, tenant)
      {
        continue
      }
      if !isCharged {
        isCharged = true
        services.rates.charge(
          tenant: tenant.name, events: parsed.records.count, bytes: request.body.count)
      }
      let outcome = try await publish(parsed, table: table, tenant: tenant, context: context)
      switch outcome {
      case .accepted(let acceptance):
        services.metrics.ingest.ackLatencyMs.observe((services.clock.now - started).milliseconds)
        return try await answer(parsed, acceptance, tenant: tenant, context: context)
      case .keyReused(let index):
        throw Self.keyReused(parsed, index)
      case .tableGone, .schemaChanged:
        // Read the table again; if it is gone, that says so.
        services.directory.forget(table: name, of: tenant.id)
      }
    }
    throw .unavailable("table")
  }

  /// Whether the catalog has another table by now than the one that a request was checked against:
  /// what another process has changed must not be held against the request.
  private func isStale(
    _ table: DirectoryTable, name: String, _ tenant: TenantRecord
  ) async throws(APIError) -> Bool {
    guard let current = try await services.directory.currentTable(named: name, of: tenant) else {
      return true
    }
    return !current.isSame(as: table)
  }

  private func publish(
    _ parsed: IngestRequest, table: DirectoryTable, tenant: TenantRecord,
    context: RequestContext
  ) async throws(APIError) -> PublishOutcome {
    if parsed.violationCount > 0, parsed.onError == .reject {
      try await refuseViolations(parsed)
    }
    try admit(parsed.records.count, tenant: tenant.id)
    let submission = Submission(
      tenant: tenant.id,
      request: PublishRequest(
        table: table.record.id, schemaVersion: table.record.schemaVersion,
        records: parsed.records.map { .init(key: $0.keyHash, content: $0.contentHash) }),
      run: EventRun(
        table: table.record.id, schemaVersion: table.record.schemaVersion,
        traceID: context.traceID, records: eventRecords(parsed)))
    guard let publisher = services.publisher else { throw .roleNotServed([.api]) }
    do {
      return try await publisher.publish(submission)
    } catch {
      throw APIError(error)
    }
  }

  private func admit(_ count: Int, tenant: TenantID) throws(APIError) {
    guard
      case .refused(let isTenantsOwn, let seconds) = services.pending.admit(tenant: tenant, count)
    else { return }
    throw APIError(
      429, "QUEUE_FULL",
      isTenantsOwn
        ? "too many events of the tenant wait to become visible"
        : "too many events wait to become visible",
      isRetryable: true, retryAfterSeconds: seconds)
  }

  private func eventRecords(_ parsed: IngestRequest) -> [EventRecord] {
    parsed.records.enumerated().map { index, record in
      EventRecord(
        operation: record.operation,
        idempotencyKey: parsed.idempotencyKey(of: record),
        payload: Array(parsed.payload(of: record)),
        rejection: record.isValid ? nil : Self.text(of: parsed.violations(ofRecord: index)))
    }
  }

  static func text(of violations: [SchemaViolation]) -> String {
    violations.map { "\($0.column): expected \($0.expected), got \($0.got)" }
      .joined(separator: "; ")
  }

  /// Keys come before schemas: a record that was accepted once is answered by its first receipt,
  /// even if the schema would not take it any more.
  private func refuseViolations(_ parsed: IngestRequest) async throws(APIError) {
    let bad = parsed.records.indices.filter { !parsed.records[$0].isValid }
    let receipts: [KeyReceipt?]
    do {
      receipts = try await services.bus.receipts(for: bad.map { parsed.records[$0].keyHash })
    } catch {
      throw .unavailable("ingest bus")
    }
    var refused: Set<Int> = []
    for (index, receipt) in zip(bad, receipts) {
      guard let receipt else {
        refused.insert(index)
        continue
      }
      guard receipt.content == parsed.records[index].contentHash else {
        throw Self.keyReused(parsed, index)
      }
    }
    guard !refused.isEmpty else { return }
    // Each bad record has at least one of its own, so there can be more than are to be listed.
    let listed = parsed.violations.lazy.filter { refused.contains($0.recordIndex) }
      .prefix(services.limits.request.listedViolations)
    throw APIError(
      400, "SCHEMA_VIOLATION", "\(refused.count) of \(parsed.records.count) records do not fit",
      context: [
        .init("violations", .array(listed.map { Self.value(of: $0) })),
        .init("violation_count", .integer(parsed.violationCount)),
      ])
  }

  private static func value(of violation: SchemaViolation) -> JSONValue {
    .object([
      .init("record_index", .integer(violation.recordIndex)),
      .init("column", .string(violation.column)),
      .init("expected", .string(violation.expected)),
      .init("got", .string(violation.got)),
    ])
  }

  private static func keyReused(_ parsed: IngestRequest, _ index: Int) -> APIError {
    APIError(
      409, "IDEMPOTENCY_KEY_REUSED",
      "the key was used before with other content; nothing of the request was accepted",
      context: [
        .init("record_index", .integer(index)),
        .init(
          "idempotency_key",
          .string(String(decoding: parsed.idempotencyKey(of: parsed.records[index]), as: UTF8.self))
        ),
      ])
  }
}

extension IngestLimits {
  init(_ limits: Limits.Request) {
    self.init(
      records: limits.records, keyBytes: limits.idempotencyKeyBytes,
      listedViolations: limits.listedViolations,
      visibilityTimeoutMs: limits.maximumVisibilityTimeoutMs,
      json: JSONLimits(depth: limits.nestingDepth))
  }
}

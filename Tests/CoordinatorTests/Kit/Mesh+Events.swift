import Catalog
import Consistency
import Coordinator
import DuckDB
import IngestBus
import Model
import Query
import Runtime
import TestSupport
import Testing

extension Mesh {
  func makeTable(
    _ name: String = "events", of tenant: String = "acme", _ columns: [ColumnDefinition]? = nil,
    key: [String] = [], onExistingKey: ExistingKeyRule = .upsert,
    layout: TableLayout = .unordered
  ) async throws -> TableRecord {
    let record = try await catalog.ensureTenant(named: tenant, limit: 1_000)
    let schema = try TableSchema(
      columns: columns ?? [
        ColumnDefinition(name: "id", type: .bigint), ColumnDefinition(name: "note", type: .varchar),
      ])
    return try await catalog.createTable(
      TableDefinition(
        name: name, schema: try schema.withPrimaryKey(key), primaryKey: key,
        onExistingKey: onExistingKey, layout: layout), tenant: record.id)
  }

  /// Publishes payloads past the edge, each as an event with a key of its own, as one segment.
  ///
  /// - Returns: the tokens.
  @discardableResult
  func publish(
    _ table: TableRecord, _ payloads: [String], rejections: [Int: String] = [:]
  ) async throws -> [VisibilityToken] {
    let records = payloads.enumerated().map { index, payload in
      EventRecord(
        operation: .insert, idempotencyKey: Array(RandomHex.digits(32).utf8),
        payload: Array(payload.utf8), rejection: rejections[index])
    }
    return try await publish(table, records: records).tokens
  }

  /// Publishes records as one segment; each key is the 128 bits that it says in hexadecimal.
  func publish(
    _ table: TableRecord, records: [EventRecord]
  ) async throws -> PublishOutcome.Acceptance {
    let request = PublishRequest(
      table: table.id, schemaVersion: table.schemaVersion,
      records: records.map { record in
        let key = String(decoding: record.idempotencyKey, as: UTF8.self)
        return .init(
          key: KeyHash(
            high: UInt64(key.prefix(16), radix: 16) ?? 0,
            low: UInt64(key.suffix(16), radix: 16) ?? 0), content: 1)
      })
    let run = EventRun(
      table: table.id, schemaVersion: table.schemaVersion, traceID: "", records: records)
    let outcomes = try await bus.publish(
      PublishGroup(tenants: [
        TenantBatch(
          tenant: table.tenant, requests: [request], body: SegmentCodec.encode([run]))
      ]))
    guard case .accepted(let acceptance) = outcomes[0] else {
      throw NeverHappened(what: "publishing: \(outcomes[0])")
    }
    return acceptance
  }

  /// Publishes and tells the coordinator, as the publisher does.
  @discardableResult
  func publish(
    _ table: TableRecord, _ payloads: [String], telling coordinator: Coordinator
  ) async throws -> VisibilityToken {
    let tokens = try await publish(table, payloads)
    let last = tokens.max() ?? .none
    coordinator.published(
      tenant: table.tenant, head: last, bytes: payloads.reduce(0) { $0 + $1.utf8.count + 100 })
    return last
  }

  func publishRows(
    _ table: TableRecord, _ ids: Range<Int>, telling coordinator: Coordinator
  ) async throws -> VisibilityToken {
    try await publish(table, ids.map { #"{"id":\#($0),"note":"n\#($0)"}"# }, telling: coordinator)
  }

  /// Waits until a token is visible, as a client does.
  func wait(_ table: TableRecord, _ token: VisibilityToken) async throws {
    let outcome = await hub.wait(tenant: table.tenant, token: token, timeoutMs: 600_000)
    guard case .visible(let watermark) = outcome, watermark.token >= token else {
      throw NeverHappened(what: "token \(token.rawValue) visible: \(outcome)")
    }
  }

  /// The rows of a table as JSON texts, sorted, read as a query worker reads them.
  func rows(of table: TableRecord, at snapshot: SnapshotID? = nil) async throws -> [String] {
    let moment: SnapshotID
    if let snapshot {
      moment = snapshot
    } else {
      moment = try await catalog.latestSnapshot(tenant: table.tenant).id
    }
    let manifests = try await catalog.manifests(
      tenant: table.tenant, names: [table.name], at: moment)
    guard let manifest = manifests.first else { return [] }
    let relation = RelationSQL(manifest: manifest, localPath: store.localPath(of:)).relation
    return try await engine.withConnection { (connection) throws(DuckDBError) in
      for statement in relation.setup { try connection.execute(statement) }
      return try connection.query(
        "SELECT to_json(t)::VARCHAR AS row FROM (\(relation.select)) t ORDER BY 1",
        maximumRows: 1_000_000
      ).rows.compactMap { $0[0].string }
    }
  }

  /// The live files of a table.
  func files(of table: TableRecord) async throws -> [DataFileRecord] {
    let latest = try await catalog.latestSnapshot(tenant: table.tenant).id
    return try await catalog.manifests(tenant: table.tenant, names: [table.name], at: latest)
      .flatMap(\.files)
  }

  /// Runs a statement on an engine without tables.
  func query(_ sql: String) async throws -> [[String?]] {
    try await engine.withConnection { (connection) throws(DuckDBError) in
      try connection.query("SELECT COLUMNS(*)::VARCHAR FROM (\(sql))").rows.map { row in
        row.map(\.string)
      }
    }
  }

  func account(of table: TableRecord) async throws -> TenantAccount {
    try #require(try await catalog.accounts().first { $0.tenant == table.tenant })
  }

  func deadLetters(of table: TableRecord) async throws -> [DeadLetterRecord] {
    try await catalog.deadLetters(tenant: table.tenant, tokens: nil, after: nil, limit: 100_000)
  }

  /// Nothing pending, nothing out of place, nothing left over.
  func expectClean(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let report = try await integrity()
    #expect(report.isClean, "\(report)", sourceLocation: sourceLocation)
    #expect(try stagedFiles().isEmpty, sourceLocation: sourceLocation)
    #expect(try await orphans().isEmpty, sourceLocation: sourceLocation)
  }
}

func row(_ id: Int) -> String { #"{"id":\#(id),"note":"n\#(id)"}"# }

import Catalog
import Coordinator
import DuckDB
import IngestBus
import Maintenance
import Model
import Runtime
import Testing

/// A keyed table in a mesh, beside the model of what it must hold.
final class KeyedWorld: Sendable {
  let mesh: Mesh
  let shape: KeyedShape
  /// The one that made the table.
  let firstSnapshot: SnapshotID
  private let state: Guarded<State>
  /// The model takes events in the order of their tokens, each with the schema of its moment.
  private let turn = AsyncSemaphore(permits: 1, maximumWaiters: 1_000)
  /// It takes restores in the order of their snapshots.
  private let restoring = AsyncSemaphore(permits: 1, maximumWaiters: 1_000)

  private struct State {
    var model: KeyedModel
    var table: TableRecord
    /// Nil for a table whose schema is its shape's.
    var schemas: KeyedSchemas?
    /// Every request as it was published, with the tokens it got.
    var published: [(records: [EventRecord], tokens: [VisibilityToken])] = []
    var tally = Tally()
  }

  struct Tally: Sendable {
    var alterations = 0
    var restores = 0
    /// Contents of snapshots that were held against the model.
    var comparisons = 0
    var differences = 0
  }

  /// - Parameter isEvolving: whether its columns are those of `KeyedSchemas`, which can change.
  init(
    _ mesh: Mesh, shape: KeyedShape, rule: ExistingKeyRule, isEvolving: Bool = false,
    layout: TableLayout = .unordered
  ) async throws {
    self.mesh = mesh
    self.shape = shape
    var schemas = isEvolving ? KeyedSchemas() : nil
    let table = try await mesh.makeTable(
      "keyed", of: "acme", try schemas?.definitions() ?? shape.columns,
      key: isEvolving ? ["id"] : shape.key, onExistingKey: rule, layout: layout)
    firstSnapshot = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
    schemas?.begin(at: firstSnapshot)
    state = Guarded(
      State(
        model: KeyedModel(refusesExisting: rule == .deadLetter), table: table, schemas: schemas))
  }

  var model: KeyedModel { state.withLock { $0.model } }
  var schemas: KeyedSchemas? { state.withLock { $0.schemas } }
  var tally: Tally { state.withLock { $0.tally } }
  /// As it is now.
  var table: TableRecord { state.withLock { $0.table } }

  /// Publishes events as one segment, its events in the order of their tokens.
  ///
  /// - Returns: the last token.
  @discardableResult
  func publish(
    _ events: [KeyedModel.Event], telling coordinator: Coordinator? = nil
  ) async throws -> VisibilityToken {
    try await turn.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { turn.release() }
    let (table, schemas) = state.withLock { ($0.table, $0.schemas) }
    let records = events.map { event in
      EventRecord(
        operation: event.operation, idempotencyKey: Array(RandomHex.digits(32).utf8),
        payload: Array((schemas?.payload(event) ?? shape.payload(event)).utf8))
    }
    let accepted = try await mesh.publish(table, records: records)
    let last = try #require(accepted.tokens.last)
    state.withLock { state in
      state.model.append(events)
      state.schemas?.published(events.count)
      state.published.append((records, accepted.tokens))
    }
    #expect(last.rawValue == model.head)
    coordinator?.published(tenant: table.tenant, head: last, bytes: events.count * 100)
    return last
  }

  /// Sends a request again that was accepted before: it gets the tokens that it had.
  func retry(_ random: inout SeededGenerator) async throws {
    let count = state.withLock { $0.published.count }
    guard count > 0 else { return }
    let place = random.below(count)
    try await turn.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { turn.release() }
    let earlier = state.withLock { $0.published[place] }
    let again = try await mesh.publish(table, records: earlier.records)
    #expect(again.tokens == earlier.tokens && again.newCount == 0)
  }

  func wait(_ token: VisibilityToken) async throws { try await mesh.wait(table, token) }

  /// Changes the schema of an evolving table; events on their way land under the new one.
  func alter(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    try await turn.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { turn.release() }
    guard var schemas else { return }
    let renames = schemas.change(&random)
    let table = table
    let evolution = try SchemaEvolution(
      of: table,
      to: ProposedSchema(
        schema: try TableSchema(columns: schemas.definitions()), renamedFrom: renames),
      mode: .backward)
    let altered = try await mesh.catalog.alterTable(evolution.alteration)
    guard altered.schemaVersion > table.schemaVersion else { return }
    schemas.begin(at: altered.versionBegin)
    state.withLock { [schemas] state in
      state.schemas = schemas
      state.table = altered
      state.tally.alterations += 1
    }
  }

  /// Puts the content of some snapshot back; a restore that fails does nothing.
  func restore(_ service: MaintenanceService, seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    try await restoring.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { restoring.release() }
    let tenant = table.tenant
    let sources = try await mesh.catalog.snapshots(tenant: tenant, before: nil, limit: 100_000)
      .filter { $0.id >= firstSnapshot }
    let source = sources[random.below(sources.count)]
    guard let summary = try? await service.restore(source.id, names: ["keyed"], tenant: tenant)
    else { return }
    let made = try await mesh.catalog.snapshot(summary.commit.snapshot, tenant: tenant)
    #expect(made.restoredFrom == source.id)
    state.withLock { state in
      state.model.restore(source, as: made.id, at: made.watermark.rawValue)
      state.tally.restores += 1
    }
  }

  /// Holds every snapshot that is there against the model.
  ///
  /// - Returns: them.
  @discardableResult
  func expectEverySnapshot(
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> [SnapshotRecord] {
    let snapshots = try await mesh.catalog.snapshots(
      tenant: table.tenant, before: nil, limit: 100_000)
    for snapshot in snapshots { try await expect(snapshot, sourceLocation: sourceLocation) }
    return snapshots
  }

  /// Holds a snapshot against the model, as the server reads it.
  func expect(
    _ snapshot: SnapshotRecord, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    guard let schemas else {
      let found = try await mesh.rows(of: table, at: snapshot.id)
      compare(found, shape.rows(model.rows(at: snapshot)), snapshot, sourceLocation)
      return
    }
    guard let version = schemas.version(at: snapshot.id) else { return }
    let read = try await mesh.catalog.manifests(
      tenant: table.tenant, names: ["keyed"], at: snapshot.id)
    let columns = read.first?.table.definition.schema.columns.map {
      "\($0.name) \($0.type.sqlName)"
    }
    compare(
      columns ?? [], version.described.map { $0.joined(separator: " ") }, snapshot, sourceLocation)
    compare(
      Self.lines(try await mesh.texts(of: table, at: snapshot.id)), expectedLines(snapshot),
      snapshot, sourceLocation)
  }

  /// Counts a comparison, and tells a difference.
  func compare(
    _ found: [String], _ expected: [String], _ snapshot: SnapshotRecord,
    _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    state.withLock { state in
      state.tally.comparisons += 1
      if found != expected { state.tally.differences += 1 }
    }
    guard found != expected else { return }
    let (missing, surplus) = (
      Set(expected).subtracting(found).sorted(), Set(found).subtracting(expected).sorted()
    )
    Issue.record(
      """
      snapshot \(snapshot.id.rawValue) at token \(snapshot.watermark.rawValue): \(found.count) \
      lines of \(expected.count), missing \(missing.prefix(5)), surplus \(surplus.prefix(5))
      """, sourceLocation: sourceLocation)
  }

  /// What an evolving table shows at a snapshot.
  func expectedLines(_ snapshot: SnapshotRecord) -> [String] {
    guard let schemas, let version = schemas.version(at: snapshot.id) else { return [] }
    return Self.lines(schemas.rows(model.rows(at: snapshot), version))
  }

  static func lines(_ rows: [[String?]]) -> [String] {
    rows.map { row in row.map { $0 ?? "\u{2205}" }.joined(separator: " | ") }.sorted()
  }

  /// Nothing pending, and every account as the model has it.
  func expectAccounts(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let model = model
    let account = try await mesh.account(of: table)
    #expect(account.isBalanced && account.pending == 0, sourceLocation: sourceLocation)
    #expect(
      account.counts.total == model.head && account.counts.hasNoNegative,
      "\(account.counts)", sourceLocation: sourceLocation)
    let letters = try await mesh.deadLetters(of: table)
    #expect(letters.map(\.token.rawValue) == model.refusedTokens, sourceLocation: sourceLocation)
    #expect(letters.allSatisfy { $0.reason == "KEY_EXISTS" }, sourceLocation: sourceLocation)
    let report = try await mesh.integrity()
    #expect(report.isClean, "\(report)", sourceLocation: sourceLocation)
  }

  /// Every live row carries the token of the event that it comes from, through merges and rewrites.
  func expectTokens(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let table = table
    let files = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
    // Files keep the names that columns had when they were written.
    let isEvolving = schemas != nil
    let column = isEvolving ? table.definition.primaryKey[0] : "note"
    let place = table.definition.schema.columns.firstIndex { $0.name == column }
    let (fieldID, type) = (table.columnIDs[try #require(place)], isEvolving ? "DOUBLE" : "VARCHAR")
    let fields = [(fieldID, "told", type), (RowShape.tokenFieldID, "token", "BIGINT")]
      .map { "\($0): {name: '\($1)', type: '\($2)', default_value: NULL}" }
    let path: @Sendable (String) -> String = { [mesh] in
      SQLText.literal(mesh.store.localPath(of: $0))
    }
    let found = try await mesh.engine.withConnection { (connection) throws(DuckDBError) in
      var rows: [String] = []
      for file in files {
        let filter = file.deletes.map {
          "WHERE file_row_number NOT IN (SELECT pos FROM read_parquet(\(path($0.path))))"
        }
        rows += try connection.query(
          """
          SELECT concat(\(isEvolving ? "told::BIGINT" : "told"), ' ', token)
          FROM read_parquet(\(path(file.path)), schema = MAP {\(fields.joined(separator: ", "))})
          \(filter ?? "")
          """, maximumRows: 1_000_000
        ).rows.compactMap { $0[0].string }
      }
      return rows.sorted()
    }
    let model = model
    let expected = model.rows(at: model.head).map { key, row in
      "\(isEvolving ? "\(key)" : row.note) \(row.token)"
    }.sorted()
    #expect(found == expected, sourceLocation: sourceLocation)
  }
}

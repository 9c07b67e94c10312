import Catalog
import Coordinator
import DuckDB
import IngestBus
import Model
import Runtime
import Testing

/// A keyed table in a mesh, beside the model of what it must hold.
final class KeyedWorld: Sendable {
  let mesh: Mesh
  let shape: KeyedShape
  let table: TableRecord
  /// The one that made the table.
  let firstSnapshot: SnapshotID
  private let state: Guarded<State>
  /// The model takes events in the order of their tokens.
  private let turn = AsyncSemaphore(permits: 1, maximumWaiters: 1_000)

  private struct State {
    var model: KeyedModel
    /// Every request as it was published, with the tokens it got.
    var published: [(records: [EventRecord], tokens: [VisibilityToken])] = []
  }

  init(
    _ mesh: Mesh, shape: KeyedShape, rule: ExistingKeyRule, layout: TableLayout = .unordered
  ) async throws {
    self.mesh = mesh
    self.shape = shape
    table = try await mesh.makeTable(
      "keyed", of: "acme", shape.columns, key: shape.key, onExistingKey: rule, layout: layout)
    firstSnapshot = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
    state = Guarded(State(model: KeyedModel(refusesExisting: rule == .deadLetter)))
  }

  var model: KeyedModel { state.withLock { $0.model } }

  /// Publishes events as one segment, its events in the order of their tokens.
  ///
  /// - Returns: the last token.
  @discardableResult
  func publish(
    _ events: [KeyedModel.Event], telling coordinator: Coordinator? = nil
  ) async throws -> VisibilityToken {
    let records = events.map { event in
      EventRecord(
        operation: event.operation, idempotencyKey: Array(RandomHex.digits(32).utf8),
        payload: Array(shape.payload(event).utf8))
    }
    try await turn.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { turn.release() }
    let accepted = try await mesh.publish(table, records: records)
    let last = try #require(accepted.tokens.last)
    state.withLock { state in
      state.model.append(events)
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
    let earlier = state.withLock { $0.published[place] }
    let again = try await mesh.publish(table, records: earlier.records)
    #expect(again.tokens == earlier.tokens && again.newCount == 0)
  }

  func wait(_ token: VisibilityToken) async throws { try await mesh.wait(table, token) }

  /// Holds every snapshot that is there against the model at its watermark.
  ///
  /// - Returns: how many there were.
  @discardableResult
  func expectEverySnapshot(
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Int {
    let snapshots = try await mesh.catalog.snapshots(
      tenant: table.tenant, before: nil, limit: 100_000)
    let model = model
    for snapshot in snapshots {
      let found = try await mesh.rows(of: table, at: snapshot.id)
      let expected = shape.rows(model.rows(at: snapshot.watermark.rawValue))
      // A snapshot before the table has no rows in the model either.
      #expect(
        found == expected,
        "snapshot \(snapshot.id.rawValue) at token \(snapshot.watermark.rawValue)",
        sourceLocation: sourceLocation)
    }
    return snapshots.count
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
    let files = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
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
          SELECT concat(note, ' ', \(RowShape.tokenColumn))
          FROM read_parquet(\(path(file.path))) \(filter ?? "")
          """, maximumRows: 1_000_000
        ).rows.compactMap { $0[0].string }
      }
      return rows.sorted()
    }
    let model = model
    let expected = model.rows(at: model.head).values.map { "\($0.note) \($0.token)" }.sorted()
    #expect(found == expected, sourceLocation: sourceLocation)
  }
}

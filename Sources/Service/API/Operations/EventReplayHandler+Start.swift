import Catalog
import HTTPServer
import IngestBus
import Model
import Observability
import Runtime
import SimdJSON

/// `POST /v1/replays`.
///
/// Whatever can be known before is refused before: tables that do not fit, events that are gone, a
/// target with rows. What is accepted is durable, and is carried out by whichever process comes to
/// it.
extension EventReplayHandler {
  func start(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let asked = try EventReplayRequest(body: request.body)
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let source = try await table(asked.sourceName, tenant, isDropped: asked.isSourceDropped)
    let target = try await table(asked.targetName, tenant, isDropped: false)
    try Self.check(source, into: target)
    guard asked.to != nil || source.id != target.id else {
      // Sent again, an open range would hold what the first replay has written.
      throw .invalidField(
        "to_token", "given, or \"to_time\", for a replay of a table into itself")
    }
    let range = try await range(asked, tenant: tenant.id)
    let order = EventReplayOrder(
      source: source.id, target: target.id, range: range, series: asked.series)
    let known = try await replays(of: tenant.id)
    if let same = try Self.same(as: order, among: known) {
      return .json(status: 202, context) { Self.write(same, &$0) }
    }
    if !asked.allowsRows { try await checkEmpty(target, tenant: tenant, known) }
    let begun: (replay: EventReplay, isNew: Bool)
    do {
      begun = try await services.catalog.beginReplay(order, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard begun.isNew || begun.replay.order == order else { throw .replayRunning(begun.replay) }
    services.replays?.wanted()
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "replay begun", [.detail: LogValue("\(begun.replay.id)")])
    return .json(status: 202, context) { Self.write(begun.replay, &$0) }
  }

  /// Newest first.
  private func replays(of tenant: TenantID) async throws(APIError) -> [EventReplay] {
    do {
      return try await services.catalog.eventReplays(
        tenant: tenant, before: nil, limit: EventReplayLimits.kept)
    } catch {
      throw APIError(error)
    }
  }

  /// The replay that was begun by the same request, which is sent again: it may have filled the
  /// target by now, and that must not be held against who asks.
  ///
  /// - Throws: `REPLAY_RUNNING` for another one.
  private static func same(
    as order: EventReplayOrder, among known: [EventReplay]
  ) throws(APIError) -> EventReplay? {
    if let running = known.first, running.status == .running {
      guard running.order == order else { throw .replayRunning(running) }
      return running
    }
    // Once more it would add nothing.
    return known.first { $0.status == .completed && $0.order == order }
  }

  private func table(
    _ name: String, _ tenant: TenantRecord, isDropped: Bool
  ) async throws(APIError) -> TableRecord {
    do throws(CatalogError) {
      let found = try await services.catalog.replaySource(
        named: name, tenant: tenant.id, isDropped: isDropped)
      if let found { return found }
    } catch {
      throw APIError(error)
    }
    throw .tableNotFound(named: [name])
  }

  private static func check(
    _ source: TableRecord, into target: TableRecord
  ) throws(APIError) {
    let refusals = EventReplayRules.refusals(of: source, into: target)
    guard !refusals.isEmpty else { return }
    throw APIError(
      409, "REPLAY_INCOMPATIBLE", "the target does not take the source's events",
      context: [
        .init(
          "columns",
          .array(
            refusals.map {
              .object([
                .init("column", .string($0.column)), .init("reason", .string($0.reason)),
              ])
            }))
      ])
  }

  // MARK: The range

  private func range(
    _ asked: EventReplayRequest, tenant: TenantID
  ) async throws(APIError) -> ClosedRange<VisibilityToken> {
    let span = try await span(of: tenant)
    let first: VisibilityToken
    switch asked.from {
    case .token(let token): first = token
    case .time(let time): first = try await before(time, tenant).advanced(by: 1)
    }
    var last = span.head
    switch asked.to {
    case nil: break
    case .token(let token):
      guard token <= span.head else {
        throw APIError(
          400, "VISIBILITY_TOKEN_INVALID", "\"to_token\" was never issued to this tenant",
          context: [.init("latest_token", .integer(span.head.rawValue))])
      }
      last = token
    case .time(let time):
      // One that has not come yet is no end: the same request would mean more events later.
      guard time.microseconds <= SystemWallClock().nowMicroseconds else {
        throw .invalidField("to_time", "a time that has passed")
      }
      last = try await before(time, tenant)
    }
    guard first <= last else {
      throw .invalidField("from_token", "at or before the end of the range: it holds no event")
    }
    // The oldest go first, so what is there from the first on has no gap; `ReplayRun` checks.
    let kept = span.first ?? last.advanced(by: 1)
    let missing = kept.rawValue - first.rawValue
    if missing > 0 {
      let end = min(kept.advanced(by: -1), last)
      let void = span.voids.count(after: first.advanced(by: -1), through: end)
      guard void == end.rawValue - first.rawValue + 1 else { throw Self.notRetained(span) }
    }
    return first...last
  }

  /// The last token before an instant, 0 when none is known.
  private func before(
    _ time: Timestamp, _ tenant: TenantID
  ) async throws(APIError) -> VisibilityToken {
    do {
      return try await services.bus.lastRetainedToken(of: tenant, publishedBefore: time) ?? .none
    } catch {
      throw .unavailable("ingest bus")
    }
  }

  private static func notRetained(_ span: RetainedSpan) -> APIError {
    var context: [JSONValue.Member] = []
    if let first = span.first {
      context.append(.init("first_retained_token", .integer(first.rawValue)))
    }
    if let time = span.firstPublishedAt {
      context.append(.init("first_retained_at", .string(time.rfc3339)))
    }
    return APIError(
      409, "EVENTS_NOT_RETAINED",
      "the bus does not hold all events of the range; DUCKMESH_SEGMENT_RETENTION_SECONDS says how "
        + "long it keeps them", context: context)
  }

  // MARK: The target

  /// Replayed events get new tokens: beside rows that are there they would be second copies, and
  /// over them, where there is a primary key, they would win.
  private func checkEmpty(
    _ target: TableRecord, tenant: TenantRecord, _ known: [EventReplay]
  ) async throws(APIError) {
    let head = try await span(of: tenant.id).head
    let outcome = await services.hub.wait(
      tenant: tenant.id, token: head, timeoutMs: services.limits.request.visibilityTimeoutMs)
    guard case .visible = outcome else {
      throw APIError(
        503, "SERVICE_UNAVAILABLE",
        "events sent before are not visible yet, so it is not known whether the target is empty",
        isRetryable: true)
    }
    let rows: Int64
    do throws(CatalogError) {
      let latest = try await services.catalog.latestSnapshot(tenant: tenant.id)
      let contents = try await services.catalog.contents(of: [latest.id], tenant: tenant.id)
      guard let tables = contents[latest.id] else { throw CatalogError.snapshotNotFound }
      rows = tables.first { $0.name == target.definition.name }?.rows ?? 0
    } catch {
      throw APIError(error)
    }
    guard rows == 0 else {
      throw APIError(
        409, "TARGET_NOT_EMPTY",
        "the target has rows; with \"into_existing_rows\" the events are added to them, and win "
          + "over rows of the same primary key",
        context: [.init("rows", .integer(rows))] + Self.filled(target.id, by: known))
    }
  }

  /// The replay whose rows they may be.
  private static func filled(_ target: TableID, by known: [EventReplay]) -> [JSONValue.Member] {
    let newest = known.first { $0.order.target == target && $0.newest > .none }
    return newest.map { [.init("replay_id", .integer($0.id))] } ?? []
  }
}

extension APIError {
  fileprivate static func replayRunning(_ replay: EventReplay) -> APIError {
    APIError(
      409, "REPLAY_RUNNING", "another replay of the tenant is running",
      context: [.init("replay_id", .integer(replay.id))])
  }
}

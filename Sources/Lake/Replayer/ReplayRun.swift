import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// A part of one replay, carried out by whoever has leased it.
///
/// **Invariant:** a page is published only when the one before it is durable, and every event has
/// a key of its own that names nothing but the event. So whatever is repeated, by a process that
/// comes after a crash or beside one that was thought dead, the events stand in the target once
/// each and in the source's order.
struct ReplayRun: Sendable {
  let replay: EventReplay
  let bus: any IngestBus & RetainedEvents
  let catalog: any Catalog & EventReplayCatalog
  let owner: OwnerID
  let options: ReplayService.Options
  let hub: VisibilityHub
  let clock: any MonotonicClock
  let metrics: DuckMeshMetrics
  let shutdown: Shutdown
  let mayPublish: @Sendable () -> Bool
  let onPublished: @Sendable (TenantID, VisibilityToken, Int) -> Void

  private static let publishAttempts = 8
  private static let shortPauseMs = 20
  private static let longPauseMs = 1_000

  /// Where the replay stands, and what is read and not published.
  private struct Place {
    /// Written down: all before it is published.
    var saved: VisibilityToken
    /// The next token to be read.
    var cursor: VisibilityToken
    var page = ReplayPage()
    var pages = 0
  }

  /// Goes on until all is done or it is another replay's turn.
  ///
  /// - Returns: whether all of it is done.
  func carryOn() async throws(ReplayFailure) -> Bool {
    let end = replay.order.range.upperBound
    var place = Place(saved: replay.next, cursor: replay.next)
    while place.cursor <= end {
      guard place.pages < options.pagesInTurn else { return false }
      let segments = try await busCall { () async throws(BusError) in
        try await bus.retainedSegments(
          of: replay.tenant, place.cursor...end, byteLimit: options.readBytes)
      }
      guard !segments.isEmpty else {
        try await checkGap(from: place.cursor, before: end.advanced(by: 1))
        place.cursor = end.advanced(by: 1)
        break
      }
      do throws(ReplayFailure) {
        for segment in segments { try await read(segment, &place) }
      } catch {
        // What lies before the place where it ends is replayed, and the place is told.
        if case .ended = error { try await flush(&place) }
        throw error
      }
      try await flush(&place)
    }
    try await flush(&place)
    return true
  }

  private func read(_ segment: Segment, _ place: inout Place) async throws(ReplayFailure) {
    if segment.firstToken > place.cursor {
      try await checkGap(from: place.cursor, before: segment.firstToken)
    }
    let range = place.cursor...max(place.cursor, replay.order.range.upperBound)
    var events: [ReplayedEvent] = []
    try SegmentEvents.collect(from: segment, of: replay.order.source, within: range, &events)
    for event in events {
      place.page.append(event)
      place.cursor = event.token.advanced(by: 1)
      if place.page.events.count >= options.pageRecords
        || place.page.byteCount >= options.pageBytes
      {
        try await flush(&place)
      }
    }
    place.cursor = max(
      place.cursor, min(segment.lastToken, replay.order.range.upperBound).advanced(by: 1))
  }

  /// Only tokens that no event has may be missing.
  private func checkGap(
    from first: VisibilityToken, before next: VisibilityToken
  ) async throws(ReplayFailure) {
    let span = try await busCall { () async throws(BusError) in
      try await bus.retainedSpan(of: replay.tenant)
    }
    let missing = next.rawValue - first.rawValue
    let void = span.voids.count(after: first.advanced(by: -1), through: next.advanced(by: -1))
    guard void == missing else { throw .ended("EVENTS_NOT_RETAINED") }
  }

  // MARK: Writing

  /// Publishes what was read, waits until it is visible, and writes down how far that is.
  private func flush(_ place: inout Place) async throws(ReplayFailure) {
    guard place.cursor > place.saved else { return }
    var newest = VisibilityToken.none
    if !place.page.events.isEmpty {
      try await giveWay()
      newest = try await publish(place.page)
      CrashPoint.insideEventReplay.reached()
      try await untilVisible(newest, at: place.saved)
      metrics.maintenance.replayedEvents.increment(by: place.page.events.count)
      place.pages += 1
    }
    try await save(
      EventReplayStep(
        replay: replay.id, from: place.saved, to: place.cursor,
        events: Int64(place.page.events.count),
        rejected: Int64(place.page.events.count { $0.record.rejection != nil }), newest: newest))
    place.saved = place.cursor
    place.page = ReplayPage()
  }

  private func save(_ step: EventReplayStep) async throws(ReplayFailure) {
    let isOurs: Bool
    do {
      isOurs = try await catalog.advance(step, owner: owner, leaseMs: options.leaseMs)
    } catch {
      throw ReplayFailure(error)
    }
    guard isOurs else { throw .lost }
  }

  /// - Returns: the highest token of the page's events in the target.
  private func publish(_ page: ReplayPage) async throws(ReplayFailure) -> VisibilityToken {
    for _ in 0..<Self.publishAttempts {
      let tables = try await ReplayTables(
        of: replay, versions: Set(page.events.map(\.schemaVersion)), catalog: catalog)
      let request = PublishRequest(
        table: tables.target.id, schemaVersion: tables.target.schemaVersion,
        records: page.events.map {
          .init(key: ReplayKey.hash(of: $0.token, replay), content: ReplayKey.content)
        })
      let body = SegmentCodec.encode([
        EventRun(
          table: tables.target.id, schemaVersion: tables.target.schemaVersion, traceID: "",
          records: page.events.map(tables.record))
      ])
      let group = PublishGroup(tenants: [
        TenantBatch(tenant: replay.tenant, requests: [request], body: body)
      ])
      let outcome = try await busCall { () async throws(BusError) in
        try await bus.publish(group).first
      }
      switch outcome {
      case .accepted(let acceptance):
        if acceptance.newCount > 0 {
          onPublished(replay.tenant, acceptance.head, body.byteCount)
        }
        return acceptance.highestToken
      case .tableGone, .schemaChanged: continue
      case .keyReused, nil: throw .ended("SEGMENT_DAMAGED")
      }
    }
    throw .environment("the target changes too often")
  }

  // MARK: Fresh events first

  /// Lets events that others have sent become visible first, within bounds: under a load that
  /// never ends a replay goes on slowly.
  private func giveWay() async throws(ReplayFailure) {
    let deadline = clock.now.advanced(byMs: options.patienceMs)
    while clock.now < deadline || !mayPublish() {
      try checkStop()
      let pending = try await catalogCall { () async throws(CatalogError) in
        try await catalog.progress(tenant: replay.tenant).pending
      }
      if pending <= Int64(options.pageRecords), mayPublish() { return }
      try await pause(Self.shortPauseMs)
    }
  }

  /// Waits without hurrying anybody: what fresh events wait behind is one page at most.
  private func untilVisible(
    _ token: VisibilityToken, at saved: VisibilityToken
  ) async throws(ReplayFailure) {
    var nextLook = clock.now.advanced(byMs: Self.longPauseMs)
    while true {
      if let known = hub.watermark(of: replay.tenant), known.token >= token { return }
      try checkStop()
      if clock.now >= nextLook {
        // Of no tokens: it says that the replay is alive, and hears whether it is wanted.
        try await save(EventReplayStep(replay: replay.id, from: saved, to: saved))
        let watermark = try await catalogCall { () async throws(CatalogError) in
          try await catalog.progress(tenant: replay.tenant).watermark
        }
        if watermark >= token { return }
        nextLook = clock.now.advanced(byMs: Self.longPauseMs)
      }
      try await pause(Self.shortPauseMs)
    }
  }

  private func checkStop() throws(ReplayFailure) {
    if shutdown.isRequested || Task.isCancelled { throw .stopping }
  }

  private func pause(_ milliseconds: Int) async throws(ReplayFailure) {
    if await shutdown.wait(until: clock.now.advanced(byMs: milliseconds), on: clock) {
      throw .stopping
    }
  }

  // MARK: Errors

  private func busCall<Value>(
    _ body: () async throws(BusError) -> Value
  ) async throws(ReplayFailure) -> Value {
    do { return try await body() } catch { throw ReplayFailure(error) }
  }

  private func catalogCall<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(ReplayFailure) -> Value {
    do { return try await body() } catch { throw ReplayFailure(error) }
  }
}

import Catalog
import Consistency
import Edge
import HTTPServer
import IngestBus
import Model
import SimdJSON

extension IngestHandler {
  /// The receipt, after the wait for visibility where one was asked for.
  func answer(
    _ parsed: IngestRequest, _ acceptance: PublishOutcome.Acceptance, tenant: TenantRecord,
    context: RequestContext
  ) async throws(APIError) -> HTTPResponse {
    services.metrics.ingest.records.increment(by: acceptance.newCount)
    services.metrics.ingest.duplicates.increment(by: acceptance.duplicates.count)
    var visible: SnapshotID?
    if parsed.waitForVisibility {
      visible = try await wait(parsed, acceptance, tenant: tenant)
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("accepted_count", acceptance.newCount)
    writer.member("duplicate_count", acceptance.duplicates.count)
    writer.member("max_visibility_token", acceptance.highestToken.rawValue)
    if let visible { writer.member("visible_snapshot_id", visible.rawValue) }
    writer.member("status", status(acceptance, isVisible: visible != nil))
    writeDeadLetters(parsed, acceptance, &writer)
    writer.endObject()
    writer.endLine()
    return HTTPResponse(
      status: 200,
      fields: [
        .init("Content-Type", "application/json"), .init("X-Trace-ID", context.traceID),
      ], body: writer.bytes)
  }

  private func status(_ acceptance: PublishOutcome.Acceptance, isVisible: Bool) -> String {
    if isVisible && acceptance.newCount > 0 { return "visible" }
    return acceptance.duplicates.isEmpty ? "accepted" : "partial_duplicate"
  }

  private func writeDeadLetters(
    _ parsed: IngestRequest, _ acceptance: PublishOutcome.Acceptance, _ writer: inout JSONWriter
  ) {
    guard parsed.onError == .deadLetter, parsed.violationCount > 0 else { return }
    let duplicates = Set(acceptance.duplicates)
    writer.name("dead_lettered")
    writer.beginArray()
    for (index, record) in parsed.records.enumerated()
    where !record.isValid && !duplicates.contains(index) {
      writer.beginObject()
      writer.member("index", index)
      writer.member("token", acceptance.tokens[index].rawValue)
      writer.member("reason", "SCHEMA_VIOLATION")
      writer.endObject()
    }
    writer.endArray()
  }

  private func wait(
    _ parsed: IngestRequest, _ acceptance: PublishOutcome.Acceptance, tenant: TenantRecord
  ) async throws(APIError) -> SnapshotID {
    let snapshot = try await services.waitForVisibility(
      of: acceptance.highestToken, tenant: tenant.id, timeoutMs: parsed.visibilityTimeoutMs)
    try await refuseDeadLetters(acceptance, tenant: tenant)
    return max(snapshot, try await refuseDiscarded(acceptance, tenant: tenant))
  }

  /// A waited write whose event became a dead letter is not visible: the client is told.
  private func refuseDeadLetters(
    _ acceptance: PublishOutcome.Acceptance, tenant: TenantRecord
  ) async throws(APIError) {
    let letters: [DeadLetterRecord]
    do throws(CatalogError) {
      guard try await services.catalog.deadLetterCount(tenant: tenant.id) > 0 else { return }
      letters = try await services.catalog.deadLetters(
        tenant: tenant.id, tokens: acceptance.tokens, after: nil,
        limit: services.limits.request.listedViolations)
    } catch {
      throw APIError(error)
    }
    guard !letters.isEmpty else { return }
    throw APIError(
      422, "DEAD_LETTERED", "events of the request could not become rows",
      context: [
        .init(
          "dead_lettered", .array(letters.map { Self.value(of: $0, in: acceptance.tokens) })),
        .init("accepted_count", .integer(acceptance.newCount)),
        .init("duplicate_count", .integer(acceptance.duplicates.count)),
        .init("max_visibility_token", .integer(acceptance.highestToken.rawValue)),
      ])
  }

  /// A write that was accepted before may have become a dead letter then, and none since.
  ///
  /// - Returns: the snapshot that shows what was replayed.
  private func refuseDiscarded(
    _ acceptance: PublishOutcome.Acceptance, tenant: TenantRecord
  ) async throws(APIError) -> SnapshotID {
    var newest = SnapshotID(0)
    guard !acceptance.duplicates.isEmpty else { return newest }
    let standings: [VisibilityToken: LetterStanding]
    do {
      standings = try await services.catalog.standings(
        of: acceptance.duplicates.map { acceptance.tokens[$0] }, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    for case .settled(let letter) in standings.values {
      if letter.settlement == .discarded {
        throw APIError(
          422, "DEAD_LETTERED", "an event of the request was discarded",
          context: [
            .init(
              "dead_lettered",
              .array([
                .object([
                  .init(
                    "index",
                    acceptance.tokens.firstIndex(of: letter.token).map { .integer($0) } ?? .null),
                  .init("token", .integer(letter.token.rawValue)),
                  .init("reason", .string(LetterStanding.discarded)),
                ])
              ])),
            .init("accepted_count", .integer(acceptance.newCount)),
            .init("duplicate_count", .integer(acceptance.duplicates.count)),
            .init("max_visibility_token", .integer(acceptance.highestToken.rawValue)),
          ])
      }
      newest = max(newest, letter.snapshot ?? newest)
    }
    return newest
  }

  private static func value(
    of letter: DeadLetterRecord, in tokens: [VisibilityToken]
  ) -> JSONValue {
    .object([
      .init("index", tokens.firstIndex(of: letter.token).map { .integer($0) } ?? .null),
      .init("token", .integer(letter.token.rawValue)),
      .init("reason", .string(letter.reason)),
      .init("message", .string(letter.message)),
    ])
  }
}

import Catalog
import HTTPServer
import IngestBus
import Model
import SimdJSON

extension BatchHandler {
  /// The receipt, after the wait for visibility where one was asked for.
  func answer(
    _ answer: Answer, _ intent: Intent, _ context: RequestContext
  ) async throws(APIError) -> HTTPResponse {
    let receipt = answer.receipt
    let (new, duplicates) = answer.isDuplicate ? (0, receipt.count) : (receipt.count, 0)
    services.metrics.ingest.records.increment(by: new)
    services.metrics.ingest.duplicates.increment(by: duplicates)
    var visible: SnapshotID?
    if intent.request.waitForVisibility { visible = try await wait(answer, intent) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("accepted_count", new)
    writer.member("duplicate_count", duplicates)
    writer.member("max_visibility_token", receipt.lastToken.rawValue)
    if let visible { writer.member("visible_snapshot_id", visible.rawValue) }
    writer.member(
      "status",
      answer.isDuplicate ? "partial_duplicate" : visible != nil ? "visible" : "accepted")
    if !answer.rejected.isEmpty {
      writer.name("dead_lettered")
      writer.beginArray()
      for record in answer.rejected {
        writer.beginObject()
        writer.member("index", record.position)
        writer.member("token", receipt.firstToken.advanced(by: record.position).rawValue)
        writer.member("reason", record.reason)
        writer.endObject()
      }
      writer.endArray()
    }
    writer.endObject()
    writer.endLine()
    return HTTPResponse(
      status: 200,
      fields: [
        .init("Content-Type", "application/json"), .init("X-Trace-ID", context.traceID),
      ], body: writer.bytes)
  }

  private func wait(_ answer: Answer, _ intent: Intent) async throws(APIError) -> SnapshotID {
    let snapshot = try await services.waitForVisibility(
      of: answer.receipt.lastToken, tenant: intent.tenant.id,
      timeoutMs: intent.request.visibilityTimeoutMs)
    try await refuseDeadLetters(answer, tenant: intent.tenant.id)
    guard answer.isDuplicate else { return snapshot }
    return max(snapshot, try await refuseDiscarded(answer, tenant: intent.tenant.id))
  }

  /// A waited write whose records became dead letters is not visible: the client is told.
  private func refuseDeadLetters(
    _ answer: Answer, tenant: TenantID
  ) async throws(APIError) {
    let letters: [DeadLetterRecord]
    do throws(CatalogError) {
      guard try await services.catalog.deadLetterCount(tenant: tenant) > 0 else { return }
      letters = try await services.catalog.deadLetters(
        tenant: tenant, matching: DeadLetterFilter(tokenRange: answer.receipt.tokens), after: nil,
        limit: services.limits.request.listedViolations)
    } catch {
      throw APIError(error)
    }
    guard letters.isEmpty else {
      throw deadLettered(answer, letters.map { ($0.token, $0.reason, $0.message) })
    }
  }

  /// Records of a batch that was accepted before may have become dead letters then, and none since.
  ///
  /// - Returns: the snapshot that shows what was replayed.
  private func refuseDiscarded(
    _ answer: Answer, tenant: TenantID
  ) async throws(APIError) -> SnapshotID {
    let settled: SettledRange
    do throws(CatalogError) {
      settled = try await services.catalog.settledLetters(
        in: answer.receipt.tokens, tenant: tenant,
        limit: services.limits.request.listedViolations)
    } catch {
      throw APIError(error)
    }
    guard settled.discarded.isEmpty else {
      throw deadLettered(
        answer, settled.discarded.map { ($0.token, LetterStanding.discarded, nil) })
    }
    return settled.newestSnapshot ?? SnapshotID(0)
  }

  private func deadLettered(
    _ answer: Answer, _ letters: [(token: VisibilityToken, reason: String, message: String?)]
  ) -> APIError {
    let receipt = answer.receipt
    let records: [JSONValue] = letters.map { letter in
      .object(
        [
          .init("index", .integer(letter.token.rawValue - receipt.firstToken.rawValue)),
          .init("token", .integer(letter.token.rawValue)),
          .init("reason", .string(letter.reason)),
        ] + (letter.message.map { [.init("message", .string($0))] } ?? []))
    }
    return APIError(
      422, "DEAD_LETTERED", "records of the batch could not become rows",
      context: [
        .init("dead_lettered", .array(records)),
        .init("accepted_count", .integer(answer.isDuplicate ? 0 : receipt.count)),
        .init("duplicate_count", .integer(answer.isDuplicate ? receipt.count : 0)),
        .init("max_visibility_token", .integer(receipt.lastToken.rawValue)),
      ])
  }
}

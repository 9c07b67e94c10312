import Catalog
import FoundationEssentials
import HTTPServer
import Model
import SimdJSON

/// The routes under `/v1/dead-letters` (`DeadLetterHandler+Replay` has the replay).
struct DeadLetterHandler: Sendable {
  let services: APIServices

  func list(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    var after: Int64?
    if let token = page.token {
      guard let id = Int64(token) else {
        throw .invalidField("page_token", "one that this server has given")
      }
      after = id
    }
    let filter = try Self.filter(request)
    let tenant = try await services.tenant(context, makes: false)
    let letters: [DeadLetterRecord]
    do {
      letters = try await services.catalog.deadLetters(
        tenant: tenant.id, matching: filter, after: after, limit: page.limit + 1)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.name("dead_letters")
      writer.beginArray()
      for letter in letters.prefix(page.limit) { Self.write(letter, &writer) }
      writer.endArray()
      if letters.count > page.limit {
        writer.member("next_page_token", Page.token(String(letters[page.limit - 1].id)))
      }
      writer.endObject()
    }
  }

  private static func filter(_ request: HTTPRequest) throws(APIError) -> DeadLetterFilter {
    let target = request.head.target
    var filter = DeadLetterFilter(
      tableName: target.queryValue("table"), reason: target.queryValue("reason"))
    if let text = target.queryValue("token") {
      guard let token = Int64(text), token >= 0 else { throw .invalidField("token", "a token") }
      filter.tokens = [VisibilityToken(token)]
    }
    return filter
  }

  private static func write(_ letter: DeadLetterRecord, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("dead_letter_id", letter.id)
    writer.member("table_name", letter.tableName)
    writer.member("token", letter.token.rawValue)
    writer.member("reason", letter.reason)
    writer.member("message", letter.message)
    writer.member("idempotency_key", String(decoding: letter.idempotencyKey, as: UTF8.self))
    writer.member("op", IngestOperation(rawValue: letter.operation)?.name ?? "unknown")
    let isJSON = (try? JSONValue(parsing: letter.payload)) != nil
    writer.member("payload_encoding", isJSON ? "json" : "base64")
    writer.name("payload")
    if isJSON {
      writer.raw(letter.payload)
    } else {
      writer.string(Data(letter.payload).base64EncodedString())
    }
    writer.member("schema_version", letter.schemaVersion)
    writer.member("replay_requested", letter.isWanted)
    writer.member("created_at", letter.createdAt.rfc3339)
    writer.endObject()
  }

  /// Gives a dead letter up; who asks twice is told the same.
  func discard(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(
      context, makes: false, missing: .deadLetterNotFound)
    guard let id = Int64(context.parameters[0]) else { throw .deadLetterNotFound }
    let letter: SettledLetter?
    do {
      letter = try await services.catalog.discard(letter: id, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard let letter else { throw .deadLetterNotFound }
    guard letter.settlement == .discarded else {
      throw APIError(
        409, "DEAD_LETTER_SETTLED", "the dead letter was replayed and is none any more",
        context: [
          .init("dead_letter_id", .integer(id)),
          .init("outcome", .string(letter.settlement.rawValue)),
        ])
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", "discarded")
      writer.member("dead_letter_id", letter.id)
      writer.member("token", letter.token.rawValue)
      writer.endObject()
    }
  }
}

extension APIError {
  static let deadLetterNotFound = APIError(
    404, "DEAD_LETTER_NOT_FOUND", "there is no such dead letter")
}

extension IngestOperation {
  /// As requests spell it.
  var name: String {
    switch self {
    case .insert: "insert"
    case .upsert: "upsert"
    case .delete: "delete"
    }
  }
}

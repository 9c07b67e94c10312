import Catalog
import Configuration
import Edge
import Model
import Publisher
import Query
import SimdJSON

extension APIError {
  static let tenantNotFound = APIError(404, "TENANT_NOT_FOUND", "the tenant has no tables yet")
  static let tableNotFound = APIError(404, "TABLE_NOT_FOUND", "there is no such table")
  static let snapshotNotFound = APIError(
    404, "SNAPSHOT_NOT_FOUND", "there is no such snapshot, or it has been expired")
  static let storageFull = APIError(
    503, "STORAGE_FULL", "the server has no space left; nothing was accepted",
    isRetryable: true, retryAfterSeconds: 5)

  /// The text depends on what was asked for alone, so it tells nothing of other tenants' tables.
  static func tableNotFound(named names: [String]) -> APIError {
    let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
    return APIError(404, "TABLE_NOT_FOUND", "there is no table \(list)")
  }

  /// The route exists, but this process has another part in the cluster.
  static func roleNotServed(_ roles: Set<ServerRole>) -> APIError {
    let names = roles.map(\.rawValue).sorted()
    return APIError(
      421, "ROLE_NOT_SERVED",
      "this process does not serve the route; send it to one with the role "
        + names.joined(separator: " or "),
      context: [.init("needs_one_of", .array(names.map { .string($0) }))])
  }

  static func unavailable(_ component: String) -> APIError {
    APIError(
      503, "SERVICE_UNAVAILABLE", "the \(component) is not available at the moment",
      isRetryable: true)
  }

  static func invalidJSON(_ error: JSONSyntaxError) -> APIError {
    switch error.reason {
    case .tooDeep: .tooMuch("json_nesting", error, maximum: JSONLimits().depth)
    case .tooManyTokens: .tooMuch("json_values", error, maximum: JSONLimits().tokens)
    default:
      APIError(
        400, "INVALID_JSON", error.explanation,
        context: error.position > 0 ? [.init("position", .integer(error.position))] : [])
    }
  }

  private static func tooMuch(
    _ limit: String, _ error: JSONSyntaxError, maximum: Int
  ) -> APIError {
    APIError(
      400, "LIMIT_EXCEEDED", error.explanation,
      context: [.init("limit", .string(limit)), .init("maximum", .integer(maximum))])
  }

  /// - Parameter known: what could have been meant; empty where that is not told.
  static func unknownField(_ name: String, known: Set<String> = []) -> APIError {
    let hint = known.isEmpty ? "" : "; known are \(known.sorted().joined(separator: ", "))"
    return APIError(
      400, "UNKNOWN_FIELD", "unknown field \"\(name)\"\(hint)",
      context: [.init("field", .string(name))])
  }

  static func invalidField(_ name: String, _ expected: String) -> APIError {
    APIError(
      400, "INVALID_FIELD", "\"\(name)\" must be \(expected)",
      context: [.init("field", .string(name)), .init("expected", .string(expected))])
  }

  static func limitExceeded(_ name: String, maximum: Int) -> APIError {
    APIError(
      400, "LIMIT_EXCEEDED", "\"\(name)\" is at most \(maximum)",
      context: [.init("limit", .string(name)), .init("maximum", .integer(maximum))])
  }

  static func consistencyTimeout(
    requested: VisibilityToken, latest: VisibilityToken
  ) -> APIError {
    APIError(
      504, "CONSISTENCY_TIMEOUT",
      "the write is durable but was not visible within the timeout; ask again with its token",
      isRetryable: true,
      context: [
        .init("requested_token", .integer(requested.rawValue)),
        .init("latest_token", .integer(latest.rawValue)),
      ])
  }

  init(_ error: EdgeError) {
    var context: [JSONValue.Member] = []
    if let index = error.recordIndex { context.append(.init("record_index", .integer(index))) }
    if case .invalidJSON(_, let position?) = error {
      context.append(.init("position", .integer(position)))
    }
    if case .limitExceeded(let limit, let maximum, _) = error {
      context.append(.init("limit", .string(limit.rawValue)))
      context.append(.init("maximum", .integer(maximum)))
    }
    if case .unknownField(let name, _) = error {
      context.append(.init("field", .string(name)))
    }
    self.init(400, error.errorCode, error.message, context: context)
  }

  init(_ error: CatalogError) {
    switch error {
    case .tableNotFound: self = .tableNotFound
    case .tableChanged: self = .unavailable("table")
    case .snapshotNotFound: self = .snapshotNotFound
    case .tableExists:
      self.init(409, "TABLE_EXISTS", "a table of this name exists already")
    case .tenantLimitReached(let limit):
      self.init(
        403, "TENANT_LIMIT_REACHED", "no further tenant can be made",
        context: [.init("maximum", .integer(limit))])
    case .storageFull: self = .storageFull
    case .unavailable, .damaged: self = .unavailable("catalog")
    }
  }

  init(_ error: PublisherError) {
    switch error {
    case .queueFull:
      self.init(
        429, "QUEUE_FULL", "too many events wait to be written; send again later",
        isRetryable: true)
    case .storageFull: self = .storageFull
    case .unavailable, .outcomeUnknown: self = .unavailable("ingest bus")
    case .stopped:
      self.init(503, "SHUTTING_DOWN", "the server is stopping; send again", isRetryable: true)
    }
  }

  init(_ error: QueryError) {
    switch error {
    case .tokenNeverIssued:
      self.init(
        400, "VISIBILITY_TOKEN_INVALID", "this token was never issued to this tenant")
    case .tokenVoid(let token):
      self.init(
        410, "TOKEN_VOID",
        "the event with this token was lost when the catalog was restored; send it again with its key",
        context: [.init("token", .integer(token.rawValue))])
    case .consistencyTimeout(let requested, let latest):
      self = .consistencyTimeout(requested: requested, latest: latest)
    case .tooManyWaiters, .queueFull:
      self.init(
        429, "QUERY_QUEUE_FULL", "too many queries wait already; ask again later",
        isRetryable: true)
    case .deadLettered(let token, let reason):
      self.init(
        409, "DEAD_LETTERED",
        "the event with this token could not become a row; set allow_dead_letters to read anyway",
        context: [
          .init("token", .integer(token.rawValue)), .init("reason", .string(reason)),
        ])
    case .snapshotNotFound: self = .snapshotNotFound
    case .changesNotKept:
      self.init(
        410, "CHANGES_NOT_KEPT",
        "the snapshot before the first one has been expired; begin with a later one")
    case .tooManySnapshots(let limit):
      self = .limitExceeded("snapshots", maximum: limit)
    case .snapshotGone:
      self.init(
        410, "SNAPSHOT_GONE", "the snapshot was expired while the query ran; ask again",
        isRetryable: true)
    case .tableNotFound(let names): self = .tableNotFound(named: names)
    case .failed(let failure): self.init(failure)
    case .timedOut:
      self.init(504, "QUERY_TIMEOUT", "the query did not end within its timeout")
    case .cancelled:
      self.init(499, "CLIENT_CLOSED_REQUEST", "the client went away")
    case .workerLost:
      self.init(
        503, "QUERY_WORKER_LOST", "the process that ran the query ended; ask again",
        isRetryable: true)
    case .stopping:
      self.init(503, "SHUTTING_DOWN", "the server is stopping; ask again", isRetryable: true)
    case .unavailable: self = .unavailable("query service")
    }
  }
}

import Configuration
import HTTPServer
import Model
import Observability

/// Decides on a request by its head alone: route, origin, credential, role, media type, parameters.
struct HeadGate: Sendable {
  private let router = Router()
  private let authenticator: Authenticator
  private let origins: OriginGuard
  private let limits: Limits
  private let roles: Set<ServerRole>
  private let rates: RateLimiter

  init(_ configuration: ServerConfiguration, rates: RateLimiter) {
    roles = configuration.roles
    self.rates = rates
    authenticator = Authenticator(configuration)
    origins = OriginGuard(configuration)
    limits = configuration.limits
  }

  func decide(_ head: HTTPRequestHead) -> HTTPHeadDecision {
    let trace = TraceContext.serving(traceparent: head.headers["traceparent"])
    do throws(APIError) {
      let context = try context(of: head, trace: trace)
      if context.batch != nil {
        return .stream(maxBodyBytes: limits.batch.bodyBytes, context: context)
      }
      let limit = context.route.takesJSONBody ? limits.request.bodyBytes : 4 << 10
      return .accept(maxBodyBytes: limit, context: context)
    } catch {
      return .refuse(error.response(traceID: trace.traceId))
    }
  }

  private func context(
    of head: HTTPRequestHead, trace: TraceContext
  ) throws(APIError) -> RequestContext {
    try origins.check(head)
    let match = try router.match(head)
    guard !roles.isDisjoint(with: match.route.roles) else {
      throw .roleNotServed(match.route.roles)
    }
    var identity: Identity?
    switch match.route.access {
    case .open: break
    case .anyRole(let roles):
      let known = try authenticator.identity(of: head)
      guard !known.roles.isDisjoint(with: roles) else {
        throw APIError(
          403, "FORBIDDEN", "the credential lacks the role for this",
          context: [
            .init("needs_one_of", .array(roles.map(\.rawValue).sorted().map { .string($0) }))
          ])
      }
      identity = known
    case .administrator:
      let known = try authenticator.identity(of: head)
      guard known.isAdministrator else {
        throw APIError(403, "FORBIDDEN", "this needs the administrator's key")
      }
      identity = known
    }
    let format =
      match.route == .ingest
      ? head.headers["Content-Type"].flatMap(BatchFormat.init(mediaType:)) : nil
    let parameters = format == nil ? match.route.queryParameters : BatchRequest.parameters
    try checkParameters(parameters, head, isJSONIngest: match.route == .ingest && format == nil)
    if match.route.takesJSONBody, format == nil {
      try checkMediaType(head, takesBatches: match.route == .ingest)
    }
    var context = RequestContext(
      route: match.route, parameters: match.parameters, identity: identity, trace: trace)
    if let format {
      context.batch = try BatchRequest(head, format: format, limits: limits.request)
    }
    if let identity { try checkRates(match.route, tenant: identity.tenantName) }
    return context
  }

  /// Last, so that only what would be served counts; before the body, so that it costs little.
  private func checkRates(_ route: Route, tenant: String) throws(APIError) {
    let kinds: [RateLimiter.Kind] = route == .ingest ? [.requests, .events, .bytes] : [.requests]
    guard let delay = rates.admit(tenant: tenant, checking: kinds) else { return }
    throw APIError(
      429, "RATE_LIMITED", "the tenant sends more than its rate limit; nothing was accepted",
      isRetryable: true, retryAfterSeconds: max(1, Int((delay.milliseconds / 1_000).rounded(.up))))
  }

  /// A misspelt parameter must not be ignored: the answer would be another than was asked for.
  private func checkParameters(
    _ known: Set<String>, _ head: HTTPRequestHead, isJSONIngest: Bool
  ) throws(APIError) {
    var seen: Set<String> = []
    for item in head.target.query {
      if isJSONIngest, BatchRequest.parameters.contains(item.name) {
        throw .invalidField(item.name, "a member of a JSON body; as a parameter it is of batches")
      }
      guard known.contains(item.name) else {
        throw .unknownField(item.name, known: known)
      }
      guard seen.insert(item.name).inserted else {
        throw .invalidField(item.name, "given once")
      }
    }
  }

  private func checkMediaType(
    _ head: HTTPRequestHead, takesBatches: Bool
  ) throws(APIError) {
    let type = head.headers["Content-Type"] ?? ""
    guard MediaType.essence(of: type) == MediaType.json else {
      throw APIError(
        415, "UNSUPPORTED_MEDIA_TYPE",
        "send the header Content-Type: application/json"
          + (takesBatches
            ? ", or for a batch " + BatchFormat.allCases.map(\.rawValue).joined(separator: ", ")
            : ""),
        context: [.init("got", .string(String(type.prefix(100))))])
    }
    if let encoding = head.headers["Content-Encoding"], encoding.lowercased() != "identity" {
      throw APIError(
        415, "UNSUPPORTED_MEDIA_TYPE", "a JSON body is taken without Content-Encoding")
    }
  }
}

import HTTPServer
import Observability

/// What is settled about a request before its body is read.
struct RequestContext: Sendable {
  let route: Route
  let parameters: [String]
  /// Nil on open routes.
  let identity: Identity?
  let trace: TraceContext
  /// What is asked of a batch; nil for a JSON body.
  var batch: BatchRequest?

  var traceID: String { trace.traceId }
}

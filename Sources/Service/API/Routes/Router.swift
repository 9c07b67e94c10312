import HTTPServer

/// Finds the route of a method and path.
struct Router: Sendable {
  struct Match: Sendable {
    let route: Route
    /// The values of the template's parameters, in order.
    let parameters: [String]
  }

  private let templates: [(segments: [Substring], routes: [Route])]

  init() {
    var grouped: [(template: String, routes: [Route])] = []
    for route in Route.allCases {
      if let index = grouped.firstIndex(where: { $0.template == route.template }) {
        grouped[index].routes.append(route)
      } else {
        grouped.append((route.template, [route]))
      }
    }
    templates = grouped.map { ($0.template.split(separator: "/"), $0.routes) }
  }

  func match(_ head: HTTPRequestHead) throws(APIError) -> Match {
    for (segments, routes) in templates {
      guard let parameters = Self.parameters(of: head.pathSegments, in: segments) else { continue }
      // A HEAD request is a GET without its body.
      let method = head.method == .head ? "GET" : head.method.name
      guard let route = routes.first(where: { $0.method == method }) else {
        let allowed = routes.flatMap { $0.method == "GET" ? ["GET", "HEAD"] : [$0.method] }
        throw APIError(
          405, "METHOD_NOT_ALLOWED",
          "this path takes \(allowed.joined(separator: ", ")), not \(head.method.name)",
          fields: [.init("Allow", allowed.joined(separator: ", "))])
      }
      return Match(route: route, parameters: parameters)
    }
    throw APIError(
      404, "ROUTE_NOT_FOUND", "there is no such path; all begin with /v1, such as /v1/health")
  }

  private static func parameters(of path: [String], in segments: [Substring]) -> [String]? {
    guard path.count == segments.count else { return nil }
    var parameters: [String] = []
    for (part, segment) in zip(path, segments) {
      if segment.hasPrefix("{") {
        guard !part.isEmpty else { return nil }
        parameters.append(part)
      } else if part != segment {
        return nil
      }
    }
    return parameters
  }
}

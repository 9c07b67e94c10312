import Configuration
import HTTPServer

/// Keeps web pages away from a server that asks for no credential: any page a developer opens can
/// send requests to the loopback interface, under a rebound name even with its own origin.
struct OriginGuard: Sendable {
  private let isActive: Bool
  private let allowedHosts: Set<String> = ["127.0.0.1", "localhost", "[::1]"]

  init(_ configuration: ServerConfiguration) {
    isActive = !configuration.isAuthenticationRequired && configuration.listenAddress.isLoopback
  }

  func check(_ head: HTTPRequestHead) throws(APIError) {
    guard isActive else { return }
    if let host = head.headers["Host"], !allowedHosts.contains(Self.hostName(host)) {
      throw APIError(
        403, "ORIGIN_NOT_ALLOWED", "without authentication only a loopback Host is served")
    }
    guard let origin = head.headers["Origin"] else { return }
    guard let separator = origin.range(of: "://"),
      allowedHosts.contains(Self.hostName(String(origin[separator.upperBound...]))),
      Self.port(String(origin[separator.upperBound...]))
        == Self.port(head.headers["Host"] ?? "")
    else {
      throw APIError(
        403, "ORIGIN_NOT_ALLOWED", "without authentication no other origin is served")
    }
  }

  private static func hostName(_ text: String) -> String {
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return text[...end].lowercased()
    }
    return String(text.prefix { $0 != ":" }).lowercased()
  }

  private static func port(_ text: String) -> String {
    guard let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") else { return "80" }
    return String(text[text.index(after: colon)...])
  }
}

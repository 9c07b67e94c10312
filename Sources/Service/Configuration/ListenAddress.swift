import Glibc

/// Where the server listens: an IP address and a port.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
  /// Without brackets; `localhost` has become 127.0.0.1.
  package let host: String
  package let port: UInt16
  package let isIPv6: Bool

  /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080` (all IPv4 addresses).
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = String(text[..<colon])
    if host.isEmpty { host = "0.0.0.0" }
    if host == "localhost" { host = "127.0.0.1" }
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    var buffer = in6_addr()
    guard inet_pton(isBracketed ? AF_INET6 : AF_INET, host, &buffer) == 1 else { return nil }
    self.host = host
    self.port = port
    isIPv6 = isBracketed
  }

  /// Whether only this machine can reach it.
  package var isLoopback: Bool {
    if !isIPv6 { return host.hasPrefix("127.") }
    var address = in6_addr()
    guard inet_pton(AF_INET6, host, &address) == 1 else { return false }
    let bytes = withUnsafeBytes(of: address) { Array($0) }
    return bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
  }

  package var description: String {
    isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

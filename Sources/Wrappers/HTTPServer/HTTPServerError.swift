/// Why a server could not start.
package enum HTTPServerError: Error, Equatable, Sendable {
  /// Not an IPv4 or IPv6 address in digits.
  case invalidAddress(String)
  case addressInUse(address: String, port: Int)
  /// The system refused to listen there; the code is `errno`.
  case cannotListen(address: String, port: Int, code: Int32)
  /// A thread, event descriptor or the HTTP library could not be started; the code is `errno`.
  case cannotStart(code: Int32)
}

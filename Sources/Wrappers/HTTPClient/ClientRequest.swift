/// One HTTP request, with its body or the file that the body is in.
package struct ClientRequest: Sendable {
  /// The method as it goes on the wire, such as `GET` or `POST`.
  package var method: String
  /// An absolute `http` or `https` URL without user information, already percent-encoded.
  package var url: String
  /// Sent in this order. Nothing is added except `Host`, `User-Agent`, `Accept` and the length.
  package var headers: [(name: String, value: String)]
  /// Empty means no body for `GET`, `HEAD` and `DELETE`, and a body of zero bytes otherwise.
  package var body: [UInt8]
  /// A file that is sent as the body in place of `body`, read while it is sent.
  package var bodyPath: String?
  /// How long the whole exchange may take, the wait for a free connection included.
  package var timeoutMs: Int

  package init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], timeoutMs: Int = 30_000
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeoutMs = timeoutMs
  }
}

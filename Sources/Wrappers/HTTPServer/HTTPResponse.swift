/// An answer: status, header fields, and a body that is either whole or produced as a stream.
///
/// The server adds Date, Content-Length or Transfer-Encoding, Connection and Trailer by itself;
/// Content-Length given here is ignored. A HEAD request gets the same fields without the body; a
/// stream's producer is then not run, and the connection ends.
package struct HTTPResponse: Sendable {
  package struct Field: Equatable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package enum Body: Sendable {
    case bytes([UInt8])
    /// Runs in the request's task once the answer's head is on its way. A producer that returns
    /// without `finish` has failed: the connection ends without the final chunk.
    case stream(@Sendable (ResponseStream) async -> Void)
  }

  package var status: Int
  package var fields: [Field]
  package var body: Body
  /// Names announced in the `Trailer` header; their values go to `ResponseStream.finish`.
  package var trailerNames: [String] = []
  package var closesConnection = false
  /// Handed through to the access observation, for instance the route's template.
  package var label: String = ""

  package init(status: Int, fields: [Field] = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = .bytes(body)
  }

  package init(
    status: Int, fields: [Field] = [], trailerNames: [String] = [],
    stream: @escaping @Sendable (ResponseStream) async -> Void
  ) {
    self.status = status
    self.fields = fields
    self.trailerNames = trailerNames
    body = .stream(stream)
  }
}

/// One HTTP response, as it came: no redirect followed, no content decoded.
package struct ClientResponse: Sendable {
  package var status: Int
  /// In the order received, names as spelt by the server, values without surrounding white space.
  package var headers: [(name: String, value: String)]
  /// Fields that followed a chunked body.
  package var trailers: [(name: String, value: String)]
  /// Empty when the body went to a sink.
  package var body: [UInt8]

  package init(
    status: Int, headers: [(name: String, value: String)] = [],
    trailers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.status = status
    self.headers = headers
    self.trailers = trailers
    self.body = body
  }

  /// The first header of that name, compared without case.
  package func header(_ name: String) -> String? {
    first(name, in: headers)
  }

  /// The first trailer of that name, compared without case.
  package func trailer(_ name: String) -> String? {
    first(name, in: trailers)
  }

  /// The body as text; bytes that are not UTF-8 become replacement characters.
  package var text: String {
    String(decoding: body, as: UTF8.self)
  }

  private func first(_ name: String, in fields: [(name: String, value: String)]) -> String? {
    let wanted = name.lowercased()
    return fields.first { $0.name.lowercased() == wanted }?.value
  }
}

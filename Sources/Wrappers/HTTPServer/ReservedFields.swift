/// Answer fields that belong to the server; the library refuses them from outside.
enum ReservedFields {
  private static let names = ["content-length", "transfer-encoding", "date", "connection"]

  static func contains(_ name: String) -> Bool {
    names.contains { $0.utf8.elementsEqual(name.utf8.lazy.map(ASCII.lowercased)) }
  }
}

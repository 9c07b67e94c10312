/// The value of a Content-Type header.
enum MediaType {
  static let json = "application/json"

  /// Type and subtype in lower case, without parameters.
  static func essence(of header: String) -> String {
    // Nearly every request's, whose characters need not be looked at one by one.
    if header == json { return json }
    return header.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
  }
}

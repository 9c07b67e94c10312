/// Where a lake's catalog is: libpq's connection string, and the schema that holds the lake.
///
/// The schema is written as one more parameter, `schema=NAME`, which libpq does not know: in a URI
/// (`postgresql://host/database?schema=lake`) or among the words of a connection string.
package struct PostgreSQLAddress: Sendable, Equatable {
  package let connection: String
  package let schema: String

  /// - Returns: nil for a schema that PostgreSQL cannot have.
  package init?(dsn: String) {
    var schema = "public"
    if dsn.contains("://") {
      let parts = dsn.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
      let query = parts.count > 1 ? parts[1].split(separator: "&") : []
      let others = query.filter { !$0.hasPrefix(Self.prefix) }
      if let last = query.last(where: { $0.hasPrefix(Self.prefix) }) {
        guard let decoded = Self.decoded(last.dropFirst(Self.prefix.count)) else { return nil }
        schema = decoded
      }
      connection = parts[0] + (others.isEmpty ? "" : "?" + others.joined(separator: "&"))
    } else {
      let words = dsn.split(separator: " ", omittingEmptySubsequences: false)
      if let last = words.last(where: { $0.hasPrefix(Self.prefix) }) {
        schema = String(last.dropFirst(Self.prefix.count))
        connection = words.filter { !$0.hasPrefix(Self.prefix) }.joined(separator: " ")
      } else {
        connection = dsn
      }
    }
    // PostgreSQL cuts longer names in silence, keeps `pg_` for itself, and has no NUL.
    guard !schema.isEmpty, schema.utf8.count <= 63, !schema.hasPrefix("pg_"),
      !schema.utf8.contains(0)
    else { return nil }
    self.schema = schema
  }

  private static let prefix = "schema="

  private static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

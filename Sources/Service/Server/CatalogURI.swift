import Configuration

/// Why a catalog's URI cannot be used. Never repeats it: it may hold a password.
enum CatalogLocationError: Error, Equatable {
  case schemaTwice
  case invalidSchema
}

/// A PostgreSQL URI taken apart: what libpq is told, and the option that it does not know.
struct CatalogURI: Equatable {
  let connection: String
  let schema: String

  init(_ location: Secret) throws(CatalogLocationError) {
    let text = String(decoding: location.bytes, as: UTF8.self)
    guard let mark = text.firstIndex(of: "?") else {
      connection = text
      schema = Self.defaultSchema
      return
    }
    var schemas: [Substring] = []
    var others: [Substring] = []
    for option in text[text.index(after: mark)...].split(separator: "&") {
      if option.hasPrefix("schema=") {
        schemas.append(option.dropFirst("schema=".count))
      } else {
        others.append(option)
      }
    }
    guard schemas.count <= 1 else { throw .schemaTwice }
    let schema = schemas.first.map(String.init) ?? Self.defaultSchema
    guard Self.isName(schema) else { throw .invalidSchema }
    self.schema = schema
    connection = text[..<mark] + (others.isEmpty ? "" : "?" + others.joined(separator: "&"))
  }

  private static let defaultSchema = "public"

  /// Names that need no quotes anywhere, so that other programs reach the lake as easily.
  private static func isName(_ text: String) -> Bool {
    guard (1...63).contains(text.utf8.count), !text.hasPrefix("pg_") else { return false }
    return text.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
      default: false
      }
    }
  }
}

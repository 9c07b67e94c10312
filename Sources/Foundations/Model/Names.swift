/// The rules for names that clients choose.
package enum Names {
  package static let maxLength = 63
  private static let reservedTenants: Set<String> = ["main", "information_schema", "pg_catalog"]
  private static let reservedPrefixes = ["_ducklake", "_duckmesh", "_dl"]
  private static let virtualColumns: Set<String> = ["filename", "file_row_number", "file_index"]

  /// `[a-z0-9][a-z0-9_-]{0,62}`, less the names that the catalog's schemas use themselves.
  package static func checkTenant(_ name: String) throws(NameError) {
    let letters = name.utf8
    guard let first = letters.first, letters.count <= maxLength, isLowercaseOrDigit(first),
      letters.allSatisfy({ isLowercaseOrDigit($0) || $0 == 0x5F || $0 == 0x2D })
    else { throw .malformed(.tenant) }
    guard !reservedTenants.contains(name) else { throw .reserved(.tenant) }
  }

  /// `[A-Za-z_][A-Za-z0-9_]{0,62}`, less the prefixes that the lake uses itself.
  package static func checkTable(_ name: String) throws(NameError) {
    try checkIdentifier(name, of: .table)
  }

  /// As a table's name, less the virtual columns of the Parquet reader.
  package static func checkColumn(_ name: String) throws(NameError) {
    try checkIdentifier(name, of: .column)
    guard !virtualColumns.contains(name.lowercased()) else { throw .reserved(.column) }
  }

  /// As a table's name, less the one by which the Parquet writer is told a structure's own id.
  package static func checkField(_ name: String) throws(NameError) {
    try checkIdentifier(name, of: .field)
    guard name.lowercased() != "__duckdb_field_id" else { throw .reserved(.field) }
  }

  private static func checkIdentifier(_ name: String, of kind: NameError.Kind) throws(NameError) {
    let letters = name.utf8
    guard let first = letters.first, letters.count <= maxLength, isLetter(first) || first == 0x5F,
      letters.allSatisfy({ isLetter($0) || isDigit($0) || $0 == 0x5F })
    else { throw .malformed(kind) }
    let lowercase = name.lowercased()
    guard !reservedPrefixes.contains(where: { lowercase.hasPrefix($0) }) else {
      throw .reserved(kind)
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }
  private static func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte >= 0x61 && byte <= 0x7A)
  }
}

/// Why a name is refused.
package enum NameError: Error, Equatable, Sendable {
  package enum Kind: String, Sendable {
    case tenant, table, column, field
  }

  case malformed(Kind)
  case reserved(Kind)

  /// Fit for a client.
  package var explanation: String {
    switch self {
    case .malformed(.tenant):
      "a tenant's name has 1 to 63 of a-z, 0-9, _ and -, and starts with a letter or a digit"
    case .malformed(let kind):
      "a \(kind.rawValue)'s name has 1 to 63 of A-Z, a-z, 0-9 and _, and starts with no digit"
    case .reserved(let kind): "this \(kind.rawValue)'s name is reserved"
    }
  }
}

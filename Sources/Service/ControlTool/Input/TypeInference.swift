/// Finds the narrowest type that holds every value of a column.
///
/// Invariant: a value that `ColumnType` refuses for the inferred type was never shown here. So
/// integers with leading zeros or beyond 64 bits are text, as are mixes of dates and times.
package struct TypeInference {
  private struct Candidates: OptionSet {
    let rawValue: UInt8
    static let boolean = Candidates(rawValue: 1)
    static let integer = Candidates(rawValue: 2)
    static let double = Candidates(rawValue: 4)
    static let date = Candidates(rawValue: 8)
    static let timestamp = Candidates(rawValue: 16)
    static let timestampWithOffset = Candidates(rawValue: 32)
    static let all = Candidates(rawValue: 63)
  }

  private var candidates = Candidates.all
  private var hasValues = false

  package init() {}

  /// Takes one value that is not NULL.
  package mutating func observe(_ bytes: UnsafeBufferPointer<UInt8>) {
    hasValues = true
    if candidates.isEmpty { return }
    candidates.formIntersection(Self.candidates(for: bytes))
  }

  /// A DuckDB type. A column without any value is text.
  package var typeName: String {
    guard hasValues else { return "VARCHAR" }
    if candidates.contains(.boolean) { return "BOOLEAN" }
    if candidates.contains(.integer) { return "BIGINT" }
    if candidates.contains(.double) { return "DOUBLE" }
    if candidates.contains(.date) { return "DATE" }
    if candidates.contains(.timestamp) { return "TIMESTAMP" }
    if candidates.contains(.timestampWithOffset) { return "TIMESTAMPTZ" }
    return "VARCHAR"
  }

  private static func candidates(for bytes: UnsafeBufferPointer<UInt8>) -> Candidates {
    guard let first = bytes.first else { return [] }
    if ASCII.isDigit(first) || first == 0x2D {
      if NumberSyntax.isJSONInteger(bytes) {
        return NumberSyntax.fitsInt64(bytes) ? [.integer, .double] : []
      }
      if NumberSyntax.isJSONNumber(bytes) { return .double }
      switch TimeSyntax.kind(of: bytes) {
      case .date: return .date
      case .timestamp: return .timestamp
      case .timestampWithOffset: return .timestampWithOffset
      case nil: return []
      }
    }
    let isBoolean =
      ASCII.equals(bytes, lowercase: "true") || ASCII.equals(bytes, lowercase: "false")
    return isBoolean ? .boolean : []
  }
}

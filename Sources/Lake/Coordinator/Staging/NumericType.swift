/// A type of numbers, and whether another one's values all fit into it.
struct NumericType {
  private enum Form {
    case integer(bits: Int, isSigned: Bool)
    case float, double
    case decimal(precision: Int, scale: Int)
  }

  private let form: Form

  init?(_ name: String) {
    switch name {
    case "TINYINT": form = .integer(bits: 8, isSigned: true)
    case "SMALLINT": form = .integer(bits: 16, isSigned: true)
    case "INTEGER": form = .integer(bits: 32, isSigned: true)
    case "BIGINT": form = .integer(bits: 64, isSigned: true)
    case "UTINYINT": form = .integer(bits: 8, isSigned: false)
    case "USMALLINT": form = .integer(bits: 16, isSigned: false)
    case "UINTEGER": form = .integer(bits: 32, isSigned: false)
    case "UBIGINT": form = .integer(bits: 64, isSigned: false)
    case "FLOAT": form = .float
    case "DOUBLE": form = .double
    default:
      guard name.hasPrefix("DECIMAL("), name.hasSuffix(")") else { return nil }
      let numbers = name.dropFirst(8).dropLast().split(separator: ",").compactMap { Int($0) }
      guard numbers.count == 2 else { return nil }
      form = .decimal(precision: numbers[0], scale: numbers[1])
    }
  }

  func holds(_ other: NumericType) -> Bool {
    switch (form, other.form) {
    case (.integer(let bits, let isSigned), .integer(let otherBits, let otherIsSigned)):
      if isSigned == otherIsSigned { return bits >= otherBits }
      return isSigned && bits > otherBits
    case (.float, .integer(let bits, _)): return bits <= 16
    case (.double, .integer(let bits, _)): return bits <= 32
    case (.float, .float), (.double, .float), (.double, .double): return true
    case (.decimal(let precision, let scale), .integer(let bits, let isSigned)):
      let digits = [8: 3, 16: 5, 32: 10, 64: isSigned ? 19 : 20][bits] ?? 39
      return precision - scale >= digits
    case (.decimal(let precision, let scale), .decimal(let otherPrecision, let otherScale)):
      return scale >= otherScale && precision - scale >= otherPrecision - otherScale
    default: return false
    }
  }
}

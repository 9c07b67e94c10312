extension ScalarType {
  /// Whether a column of this type can become one of `wider` while its files stay as they are.
  ///
  /// Each pair that holds was tried with the DuckLake extension and with our own reader on files of
  /// the narrow type: every value is read as the same value, comparisons prune no file wrongly, and
  /// it stays so after the extension has merged the files (decision record 0015 has the list).
  /// FLOAT to DOUBLE is not among them: the catalog's bounds of a FLOAT are its shortest decimal
  /// text, which as a DOUBLE is another number.
  package func widens(to wider: ScalarType) -> Bool {
    if case .decimal(let precision, let scale) = self {
      guard case .decimal(let widerPrecision, let widerScale) = wider, self != wider else {
        return false
      }
      return widerScale >= scale && widerPrecision - widerScale >= precision - scale
    }
    if self == .date { return wider == .timestamp }
    guard let width = integerWidth else { return false }
    if let widerWidth = wider.integerWidth {
      return widerWidth.bits > width.bits && (widerWidth.isSigned || !width.isSigned)
    }
    switch wider {
    case .float: return width.bits <= 16
    case .double: return width.bits <= 32
    case .decimal(let precision, let scale): return precision - scale >= width.decimalDigits
    default: return false
    }
  }

  private struct IntegerWidth {
    let bits: Int
    let isSigned: Bool

    /// Digits of the number with the largest magnitude.
    var decimalDigits: Int {
      switch bits {
      case 8: 3
      case 16: 5
      case 32: 10
      default: isSigned ? 19 : 20
      }
    }
  }

  private var integerWidth: IntegerWidth? {
    switch self {
    case .tinyint: IntegerWidth(bits: 8, isSigned: true)
    case .smallint: IntegerWidth(bits: 16, isSigned: true)
    case .integer: IntegerWidth(bits: 32, isSigned: true)
    case .bigint: IntegerWidth(bits: 64, isSigned: true)
    case .utinyint: IntegerWidth(bits: 8, isSigned: false)
    case .usmallint: IntegerWidth(bits: 16, isSigned: false)
    case .uinteger: IntegerWidth(bits: 32, isSigned: false)
    case .ubigint: IntegerWidth(bits: 64, isSigned: false)
    default: nil
    }
  }
}

extension ColumnType {
  /// Whether a column of this type can become one of `wider` while its files stay as they are.
  ///
  /// What is inside a nested type stays as it is.
  package func widens(to wider: ColumnType) -> Bool {
    guard case .scalar(let scalar) = self, case .scalar(let widerScalar) = wider else {
      return false
    }
    return scalar.widens(to: widerScalar)
  }
}

/// What a JSON value is, as far as a column's type cares.
package enum ValueKind: Sendable {
  case null, boolean
  /// A number of digits alone, perhaps with a minus.
  case integer
  /// A number with a fraction or an exponent.
  case real
  case string, array, object
}

/// What becomes of a value on its way into a column.
package enum ValueVerdict: Equatable, Sendable {
  /// DuckDB reads the value as it stands.
  case unchanged
  /// DuckDB needs the number as plain digits.
  case plainInteger
  /// DuckDB needs the number as a string of plain digits.
  case decimalString
  /// DuckDB needs the value's whole text as a string.
  case quotedText
  case refused
}

extension ScalarType {
  /// Judges a value that is not null.
  ///
  /// Numbers count by their exact value, not by their spelling: an INTEGER takes 5, 5.0 and 5e0,
  /// a DECIMAL(4,1) takes 1.50.
  /// - Parameters:
  ///   - text: of a string its value in UTF-8, of anything else its JSON text.
  ///   - containsNUL: whether a string holds U+0000.
  package func judge(
    _ kind: ValueKind, _ text: UnsafeRawBufferPointer, containsNUL: Bool
  ) -> ValueVerdict {
    switch self {
    case .json: return .quotedText
    case .boolean: return kind == .boolean ? .unchanged : .refused
    case .varchar: return kind == .string && !containsNUL ? .unchanged : .refused
    case .float: return Self.judgeFloatingPoint(kind, text, single: true)
    case .double: return Self.judgeFloatingPoint(kind, text, single: false)
    case .decimal(let precision, let scale):
      return Self.judgeDecimal(kind, text, precision: precision, scale: scale)
    case .ubigint where kind == .string:
      guard DecimalText.isDigits(text), DecimalText(text).integer != nil else { return .refused }
      return .unchanged
    case .date, .time, .timestamp, .timestampS, .timestampMS, .timestampNS, .timestampTZ, .uuid,
      .blob:
      return kind == .string && acceptsText(text) ? .unchanged : .refused
    default: return judgeInteger(kind, text)
    }
  }

  private func acceptsText(_ text: UnsafeRawBufferPointer) -> Bool {
    switch self {
    case .date: DateTimeText.date(text) != nil
    case .time: DateTimeText.time(text) != nil
    case .timestamp: DateTimeText.timestamp(text, zone: .absent) != nil
    case .timestampS: DateTimeText.isTimestamp(text, fractionDigits: 0)
    case .timestampMS: DateTimeText.isTimestamp(text, fractionDigits: 3)
    case .timestampNS: DateTimeText.isNanosecondTimestamp(text)
    case .timestampTZ: DateTimeText.timestamp(text, zone: .required) != nil
    case .uuid: BinaryText.isUUID(text)
    default: BinaryText.isBase64(text)
    }
  }

  private static func judgeFloatingPoint(
    _ kind: ValueKind, _ text: UnsafeRawBufferPointer, single: Bool
  ) -> ValueVerdict {
    guard kind == .integer || kind == .real else { return .refused }
    return FloatingPointText.isFinite(text, single: single) ? .unchanged : .refused
  }

  private func judgeInteger(_ kind: ValueKind, _ text: UnsafeRawBufferPointer) -> ValueVerdict {
    guard kind == .integer || kind == .real, let limits = integerLimits else { return .refused }
    let decimal = DecimalText(text)
    guard let value = decimal.integer,
      value.magnitude <= (value.isNegative ? limits.lowest : limits.highest)
    else { return .refused }
    return kind == .real || decimal.isNegativeZero ? .plainInteger : .unchanged
  }

  /// DuckDB reads a number of at most 15 digits through a double without loss.
  private static let digitsOfDouble = 15

  private static func judgeDecimal(
    _ kind: ValueKind, _ text: UnsafeRawBufferPointer, precision: Int, scale: Int
  ) -> ValueVerdict {
    switch kind {
    case .integer:
      return DecimalText(text).fits(precision: precision, scale: scale) ? .unchanged : .refused
    case .real:
      let decimal = DecimalText(text)
      guard decimal.fits(precision: precision, scale: scale) else { return .refused }
      let isPlain = !decimal.hasExponent && !decimal.isZero && decimal.highestPower >= -4
      return isPlain && decimal.significantDigits <= digitsOfDouble ? .unchanged : .decimalString
    case .string:
      guard DecimalText.isDecimal(text) else { return .refused }
      return DecimalText(text).fits(precision: precision, scale: scale) ? .unchanged : .refused
    default: return .refused
    }
  }

  /// The magnitudes of the least and of the greatest value of an integer type.
  private var integerLimits: (lowest: UInt64, highest: UInt64)? {
    switch self {
    case .tinyint: (1 << 7, 1 << 7 - 1)
    case .smallint: (1 << 15, 1 << 15 - 1)
    case .integer: (1 << 31, 1 << 31 - 1)
    case .bigint: (1 << 63, 1 << 63 - 1)
    case .utinyint: (0, UInt64(UInt8.max))
    case .usmallint: (0, UInt64(UInt16.max))
    case .uinteger: (0, UInt64(UInt32.max))
    case .ubigint: (0, .max)
    default: nil
    }
  }

  /// What the type takes, for the client whose value was refused.
  package var expectation: String {
    switch self {
    case .boolean: "BOOLEAN (true or false)"
    case .tinyint, .smallint, .integer, .bigint:
      """
      \(sqlName) (an integer from -\(integerLimits?.lowest ?? 0) to \
      \(integerLimits?.highest ?? 0))
      """
    case .utinyint, .usmallint, .uinteger:
      "\(sqlName) (an integer from 0 to \(integerLimits?.highest ?? 0))"
    case .ubigint: "UBIGINT (an integer from 0 to \(UInt64.max), or such as a string of digits)"
    case .float, .double: "\(sqlName) (a number within its range)"
    case .decimal(let precision, let scale):
      """
      \(sqlName) (a number, or a string of digits, with at most \(precision - scale) digits \
      before and \(scale) behind the point)
      """
    case .varchar: "VARCHAR (a string without U+0000)"
    case .blob: "BLOB (a string in base64 with padding)"
    case .date: "DATE (\"YYYY-MM-DD\", years 0001 to 9999)"
    case .time: "TIME (\"HH:MM:SS\", at most 6 fraction digits)"
    case .timestamp: "TIMESTAMP (\"YYYY-MM-DDTHH:MM:SS\", at most 6 fraction digits, no offset)"
    case .timestampS: "TIMESTAMP_S (\"YYYY-MM-DDTHH:MM:SS\", no fraction, no offset)"
    case .timestampMS:
      "TIMESTAMP_MS (\"YYYY-MM-DDTHH:MM:SS\", at most 3 fraction digits, no offset)"
    case .timestampNS:
      """
      TIMESTAMP_NS (\"YYYY-MM-DDTHH:MM:SS\", years 1678 to 2261, at most 9 fraction \
      digits, no offset)
      """
    case .timestampTZ:
      "TIMESTAMPTZ (\"YYYY-MM-DDTHH:MM:SSZ\" or with ±HH:MM, at most 6 fraction digits)"
    case .uuid: "UUID (\"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx\")"
    case .json: "JSON (any value)"
    }
  }
}

import Model

/// How the columns of a client's file become the columns of a table, or why they do not.
///
/// Allowed is the same type, and one of which every value is a value of the column's type. Where
/// that depends on the value (nanoseconds that are whole microseconds, years, U+0000 in a text)
/// each value is looked at.
struct ConversionPlan {
  private(set) var violations: [StagedFileViolation] = []
  /// A SELECT list in the order of the table's columns.
  private(set) var projection = ""

  private static let violationMark = "duckmesh violation\u{1}"
  private static let longestExcerpt = 64

  init(_ columns: [StagingRequest.Column], found: [(name: String, type: String)]) {
    let types = Dictionary(
      found.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
    let known = Set(columns.map(\.name))
    for (index, column) in found.enumerated() {
      if !known.contains(column.name) {
        violations.append(
          .init(
            column: String(column.name.prefix(Self.longestExcerpt)), expected: "no such column",
            got: column.type))
      } else if found[..<index].contains(where: { $0.name == column.name }) {
        violations.append(
          .init(column: column.name, expected: "one column of this name", got: "two"))
      }
    }
    var items: [String] = []
    for column in columns {
      guard let item = item(for: column, found: types[column.name]) else { continue }
      items.append("\(item) AS \(SQLText.identifier(column.name))")
    }
    projection = items.joined(separator: ", ")
  }

  private mutating func item(
    for column: StagingRequest.Column, found type: String?
  ) -> String? {
    guard let type else {
      if column.defaultSQL == nil, !column.isNullable {
        violations.append(
          .init(column: column.name, expected: column.type + ", not null", got: "no such column"))
        return nil
      }
      return column.defaultSQL ?? "NULL::\(column.type)"
    }
    let name = SQLText.identifier(column.name)
    guard let conversion = Conversion(from: type, to: column.type) else {
      violations.append(.init(column: column.name, expected: column.type, got: type))
      return nil
    }
    var cases: [String] = []
    if !column.isNullable {
      cases.append(
        "WHEN \(name) IS NULL THEN \(Self.refusal(column, expected: ", not null", got: "'null'"))")
    }
    if let condition = conversion.condition(name) {
      let got = "left(\(name)::VARCHAR, \(Self.longestExcerpt))"
      cases.append(
        "WHEN NOT (\(condition)) THEN \(Self.refusal(column, expected: conversion.limits, got: got))"
      )
    }
    let cast = "\(name)::\(column.type)"
    return cases.isEmpty ? cast : "CASE \(cases.joined(separator: " ")) ELSE \(cast) END"
  }

  /// An expression that ends the statement, with what `violation(in:)` reads.
  private static func refusal(
    _ column: StagingRequest.Column, expected: String, got: String
  ) -> String {
    let text = SQLText.literal("\(violationMark)\(column.name)\u{1}\(column.type)\(expected)\u{1}")
    return "error(\(text) || coalesce(\(got), 'null') || chr(1))"
  }

  /// The violation that ended a statement; nil for an error of another kind.
  static func violation(in message: String) -> StagedFileViolation? {
    guard let mark = message.firstRange(of: violationMark) else { return nil }
    let parts = message[mark.upperBound...].split(
      separator: "\u{1}", omittingEmptySubsequences: false)
    guard parts.count >= 3 else { return nil }
    return StagedFileViolation(
      column: String(parts[0]), expected: String(parts[1]), got: String(parts[2]))
  }
}

/// Between two of the engine's types, by their names in SQL.
struct Conversion {
  private enum Form {
    case plain
    case text, uuidText, jsonText
    case date, time, timestamp, nanoseconds
  }

  private let form: Form

  /// - Returns: nil where a value could be lost.
  init?(from source: String, to target: String) {
    if let form = Self.checked(source, target) {
      self.form = form
    } else if source == target || source == "\"NULL\"" || source == "NULL" {
      form = .plain
    } else if source.hasPrefix("ENUM("), target == "VARCHAR" {
      form = .plain
    } else if let from = NumericType(source), let to = NumericType(target), to.holds(from) {
      form = .plain
    } else {
      return nil
    }
  }

  private static func checked(_ source: String, _ target: String) -> Form? {
    switch (source, target) {
    case ("VARCHAR", "VARCHAR"): .text
    case ("VARCHAR", "UUID"): .uuidText
    case ("VARCHAR", "JSON"), ("JSON", "JSON"): .jsonText
    case ("DATE", "DATE"): .date
    case ("TIME", "TIME"): .time
    case ("TIMESTAMP", "TIMESTAMP"), ("TIMESTAMP_S", "TIMESTAMP"), ("TIMESTAMP_MS", "TIMESTAMP"):
      .timestamp
    case ("TIMESTAMP_NS", "TIMESTAMP"): .nanoseconds
    case ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"): .timestamp
    default: nil
    }
  }

  /// What must hold of each value that is not null.
  func condition(_ name: String) -> String? {
    switch form {
    case .plain: nil
    case .text: "\(name) IS NULL OR NOT contains(\(name), chr(0))"
    case .uuidText:
      """
      \(name) IS NULL OR regexp_full_match(\(name), \
      '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
      """
    case .jsonText: "\(name) IS NULL OR json_valid(\(name)::VARCHAR)"
    case .date, .timestamp:
      """
      \(name) IS NULL OR (isfinite(\(name)) AND year(\(name)) BETWEEN 1 AND 9999)
      """
    case .time: "\(name) IS NULL OR \(name) < TIME '24:00:00'"
    case .nanoseconds: "\(name) IS NULL OR (isfinite(\(name)) AND epoch_ns(\(name)) % 1000 = 0)"
    }
  }

  /// The condition in words that follow the type's name.
  var limits: String {
    switch form {
    case .plain: ""
    case .text: " without U+0000"
    case .uuidText: " as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
    case .jsonText: " that is well-formed"
    case .date, .timestamp: " in the years 0001 to 9999"
    case .time: " before 24:00"
    case .nanoseconds: " of whole microseconds"
    }
  }
}

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

import Model

/// How the columns of a client's file become the columns of a table, or why they do not.
///
/// Allowed is the same type, and one of which every value is a value of the column's type. Where
/// that depends on the value (nanoseconds that are whole microseconds, years, U+0000 in a text)
/// each value is looked at.
///
/// Lines have the columns that the file has: who reads them fills in the others, and names the rows
/// that have a null too many.
struct ConversionPlan {
  private(set) var violations: [StagedFileViolation] = []
  /// A SELECT list in the order of the table's columns.
  private(set) var projection = ""
  /// What of the file is selected from.
  private(set) var restriction = ""

  private static let tooLongMark = "duckmesh row too long"
  private static let violationMark = "duckmesh violation\u{1}"
  private static let longestExcerpt = 64

  private let form: StagedRowForm

  /// - Parameter longestRow: of lines, as `StagingRequest` has it.
  init(
    _ columns: [StagingRequest.Column], found: [(name: String, type: String)],
    form: StagedRowForm = .files, longestRow: Int = .max
  ) {
    self.form = form
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
    guard form == .lines else { return }
    let length = RowLength(found).sql
    let refusal = "error(\(SQLText.literal(Self.tooLongMark)))::BOOLEAN"
    restriction = " WHERE CASE WHEN \(length) > \(longestRow) THEN \(refusal) ELSE true END"
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
      return form == .lines ? nil : column.defaultSQL ?? "NULL::\(column.type)"
    }
    let name = SQLText.identifier(column.name)
    guard let conversion = Conversion(from: EngineType(type), to: EngineType(column.type)) else {
      violations.append(.init(column: column.name, expected: column.type, got: type))
      return nil
    }
    var cases: [String] = []
    func refuse(when condition: String, expected limits: String, got: String) {
      let refusal = Self.refusal(column: column.name, expected: column.type + limits, got: got)
      cases.append("WHEN \(condition) THEN \(refusal)")
    }
    if form == .files, !column.isNullable {
      refuse(when: "\(name) IS NULL", expected: ", not null", got: "'null'")
    }
    if let condition = conversion.condition(on: name) {
      refuse(
        when: "NOT (\(condition))", expected: conversion.limits,
        got: "left(\(name)::VARCHAR, \(Self.longestExcerpt))")
    }
    let cast = "\(name)::\(column.type)"
    return cases.isEmpty ? cast : "CASE \(cases.joined(separator: " ")) ELSE \(cast) END"
  }

  /// An expression that ends the statement, with what `violation(in:)` reads.
  private static func refusal(column: String, expected: String, got: String) -> String {
    let text = SQLText.literal("\(violationMark)\(column)\u{1}\(expected)\u{1}")
    return "error(\(text) || coalesce(\(got), 'null') || chr(1))"
  }

  /// Whether a statement has ended at a row that is too long.
  static func isTooLong(_ message: String) -> Bool { message.contains(tooLongMark) }

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

/// The columns of a table in their order.
package struct TableSchema: Hashable, Sendable {
  /// What is inside nested columns counts.
  package static let maxColumns = 1_000

  package let columns: [ColumnDefinition]

  /// - Throws: `SchemaError` for a wrong name, a name that stands twice (case ignored), no column
  ///   or too many.
  package init(columns: [ColumnDefinition]) throws(SchemaError) {
    guard !columns.isEmpty else { throw .noColumns }
    guard columns.reduce(0, { $0 + $1.type.columnCount }) <= Self.maxColumns else {
      throw .tooManyColumns
    }
    var names: Set<String> = []
    for column in columns {
      do throws(NameError) {
        try Names.checkColumn(column.name)
      } catch {
        throw .column(column.name, .name(error))
      }
      guard names.insert(column.name.lowercased()).inserted else {
        throw .column(column.name, .duplicateName)
      }
    }
    self.columns = columns
  }

  /// The column of exactly this name.
  package func column(named name: String) -> ColumnDefinition? {
    columns.first { $0.name == name }
  }

  /// Whether a record's `event_time` can fill a column.
  ///
  /// - Throws: `.eventTimeColumn` unless the column exists and is TIMESTAMPTZ or TIMESTAMP.
  package func checkEventTimeColumn(_ name: String) throws(SchemaError) {
    guard let type = column(named: name)?.type, type == .timestampTZ || type == .timestamp else {
      throw .eventTimeColumn(name)
    }
  }
}

/// Why a schema is refused.
package enum SchemaError: Error, Equatable, Sendable {
  package enum ColumnProblem: Equatable, Sendable {
    case name(NameError)
    case duplicateName
    case type(ColumnTypeError)
    case defaultValue(expected: String)
    case comment
  }

  case noColumns
  case tooManyColumns
  case unknownField(String)
  case malformed(expected: String)
  /// The column's name as the client wrote it.
  case column(String, ColumnProblem)
  case eventTimeColumn(String)
  case primaryKey(PrimaryKeyProblem)

  /// Fit for a client.
  package var explanation: String {
    switch self {
    case .noColumns: "a table has at least one column"
    case .tooManyColumns:
      "a table has at most \(TableSchema.maxColumns) columns, fields of nested ones counted"
    case .unknownField(let name): "unknown field \"\(name)\""
    case .malformed(let expected): expected
    case .eventTimeColumn(let name):
      "event_time_column \"\(name)\" must name a column of type TIMESTAMPTZ or TIMESTAMP"
    case .primaryKey(let problem): problem.explanation
    case .column(let name, .name(let error)): "column \"\(name)\": \(error.explanation)"
    case .column(let name, .duplicateName):
      "column \"\(name)\" stands twice (upper and lower case do not count)"
    case .column(let name, .type(let error)): "column \"\(name)\": \(error.explanation)"
    case .column(let name, .defaultValue(let expected)):
      "column \"\(name)\": the default is not \(expected)"
    case .column(let name, .comment):
      "column \"\(name)\": a comment is 1 to \(ColumnDefinition.maxCommentBytes) bytes without U+0000"
    }
  }
}

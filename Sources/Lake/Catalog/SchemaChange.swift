import Model

/// One difference between two versions of a schema.
package enum SchemaChange: Sendable, Equatable {
  case added(String)
  case dropped(String)
  case renamed(from: String, to: String)
  case widened(String, from: ColumnType, to: ColumnType)
  /// A new column that has the name of a dropped one, whose values it does not take over.
  case replaced(String, from: ColumnType, to: ColumnType)
  case madeNullable(String)
  case changedDefault(String)
  /// Records must name the column from now on.
  case madeRequired(String)
  case commented(String)
  /// The columns that stay have another order.
  case reordered

  /// The column, by its new name where it has one.
  package var column: String? {
    switch self {
    case .added(let name), .dropped(let name), .renamed(_, let name), .widened(let name, _, _),
      .replaced(let name, _, _), .madeNullable(let name), .changedDefault(let name),
      .madeRequired(let name), .commented(let name):
      name
    case .reordered: nil
    }
  }

  /// What answers and refusals call it.
  package var name: String {
    switch self {
    case .added: "add"
    case .dropped: "drop"
    case .renamed: "rename"
    case .widened: "widen"
    case .replaced: "replace"
    case .madeNullable: "make_nullable"
    case .changedDefault: "change_default"
    case .madeRequired: "make_required"
    case .commented: "comment"
    case .reordered: "reorder"
    }
  }

  /// Why the mode refuses the change; nil where it allows it.
  ///
  /// - `backward`: what was written before is read under the new schema, stored or on its way.
  /// - `forward`: whoever knows only the old schema goes on: its queries find every column under
  ///   its name with the values that its type and nullability promise, and its records are taken.
  /// - `full`: both.
  /// - `none`: a column may also be given up for another one of its name.
  package func objection(in mode: CompatibilityMode) -> String? {
    if case .replaced(_, let old, let new) = self {
      return mode == .none
        ? nil
        : "\(old.sqlName) cannot become \(new.sqlName): stored values would not all be the same"
          + " value; add a column of another name"
    }
    guard mode == .forward || mode == .full else { return nil }
    return switch self {
    case .added, .changedDefault, .commented, .reordered, .replaced: nil
    case .dropped: "queries and records of the old schema name it"
    case .renamed(let old, _): "queries and records of the old schema name it \"\(old)\""
    case .widened(_, let old, let new):
      "queries of the old schema read \(old.sqlName) and would get values of \(new.sqlName)"
    case .madeNullable: "queries of the old schema take it to hold no null"
    case .madeRequired: "records of the old schema may leave it out"
    }
  }
}

/// One reason why a schema cannot be the next version of a table.
package struct SchemaRefusal: Error, Sendable, Equatable {
  package let column: String
  /// As `SchemaChange.name` has it.
  package let change: String
  package let reason: String

  package init(column: String, change: String, reason: String) {
    self.column = column
    self.change = change
    self.reason = reason
  }
}

import Model

/// Whether the events of one table can be replayed into another.
///
/// Columns are matched by name. Every column of the source has to be in the target under the same
/// type or one that it widens to, so that each value is read there as the same value; columns that
/// only the target has take their default.
package enum EventReplayRules {
  package struct Refusal: Sendable, Equatable {
    package let column: String
    package let reason: String
  }

  /// - Parameters:
  ///   - source: its newest version; the last one of a dropped table.
  ///   - target: a live table, which may be the source.
  package static func refusals(of source: TableRecord, into target: TableRecord) -> [Refusal] {
    if source.id == target.id { return [] }
    var refusals: [Refusal] = []
    let columns = target.definition.schema.columns
    for column in source.definition.schema.columns {
      guard let match = columns.first(where: { $0.name == column.name }) else {
        refusals.append(Refusal(column: column.name, reason: "the target has no such column"))
        continue
      }
      if column.type != match.type, !column.type.widens(to: match.type) {
        refusals.append(
          Refusal(
            column: column.name,
            reason: "\(column.type.sqlName) does not widen to \(match.type.sqlName)"))
      } else if column.isNullable, !match.isNullable {
        refusals.append(
          Refusal(column: column.name, reason: "the target takes no null, and events may have one"))
      }
    }
    for column in columns where !column.isNullable && column.defaultValue == nil {
      if source.definition.schema.column(named: column.name) == nil {
        refusals.append(
          Refusal(column: column.name, reason: "it must have a value, and events have none for it"))
      }
    }
    let (key, targetKey) = (source.definition.primaryKey, target.definition.primaryKey)
    if source.definition.isKeyed, Set(key) != Set(targetKey) {
      for column in Set(key).symmetricDifference(targetKey).sorted() {
        refusals.append(
          Refusal(
            column: column, reason: "it belongs to the primary key of one of the tables only"))
      }
    }
    return refusals
  }
}

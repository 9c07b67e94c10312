import DuckDB

/// The types that a binary form has no equal for, and what stands for them: `docs/types.md`.
///
/// Whatever the form would change without saying so is converted here instead: a value that does
/// not fit then fails the query, and nothing is rounded.
package struct ColumnConversion: Sendable {
  package enum Form: Sendable {
    case arrow, parquet
  }

  private let form: Form

  package init(for form: Form) {
    self.form = form
  }

  /// One expression for each column called `c0`, `c1`, …, under the names of the result; nil when
  /// the rows can go as they are.
  package func selectList(_ columns: [DuckDBResult.Column]) -> String? {
    let targets = columns.map { type(for: $0.type) }
    guard form == .parquet || targets != columns.map(\.type) else { return nil }
    return columns.enumerated().map { index, column in
      let target = targets[index]
      let value = target == column.type ? "c\(index)" : "c\(index)::\(target)"
      return "\(value) AS \(sqlIdentifier(column.name))"
    }.joined(separator: ", ")
  }

  /// The type that a column is given; its own where the form has it.
  func type(for type: DuckDBType) -> DuckDBType {
    switch type {
    // Numbers to readers, as sums of BIGINT should be; both forms end at 38 digits.
    case .hugeint, .uhugeint: .decimal(width: 38, scale: 0)
    case .bignum, .bit, .timeWithTimeZone: .varchar
    case .variant: .json
    case .list(let element): .list(self.type(for: element))
    case .map(let key, let value):
      .map(key: self.type(for: key), value: self.type(for: value))
    case .union(let members): .union(fields(members))
    case .tuple(let types): .tuple(types.map { self.type(for: $0) })
    case .struct(let members) where form == .arrow || !members.isEmpty: .struct(fields(members))
    case .array(let element, let size) where form == .arrow:
      .array(self.type(for: element), size: size)
    // Parquet has neither arrays of fixed size nor empty structures, and its INTERVAL ends at
    // milliseconds; an untyped NULL needs some type.
    case .array(let element, _): .list(self.type(for: element))
    case .struct where form == .parquet: .varchar
    case .interval where form == .parquet: .varchar
    case .null where form == .parquet: .integer
    default: type
    }
  }

  private func fields(_ fields: [DuckDBType.Field]) -> [DuckDBType.Field] {
    fields.map { DuckDBType.Field(name: $0.name, type: type(for: $0.type)) }
  }
}

/// What a statement does, by DuckDB's numbers.
///
/// Not a gate by itself: `WITH x AS (COPY …) SELECT …` is a `.select` and writes.
package enum DuckDBStatementKind: UInt32, Sendable {
  case invalid, select, insert, update, explain, delete, prepare, create, execute, alter
  case transaction, copy, analyze, variableSet, createFunction, drop, export, pragma, vacuum, call
  case set, load, relation, `extension`, logicalPlan, attach, detach, multi, copyDatabase
  case updateExtensions, mergeInto
}

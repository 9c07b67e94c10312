import Catalog
import Model

extension Lab {
  /// Makes the proposal the table's next version.
  func evolve(
    _ table: TableRecord, to columns: [ColumnDefinition], renamed: [String: String] = [:],
    mode: CompatibilityMode? = nil
  ) async throws -> TableRecord {
    let evolution = try SchemaEvolution(
      of: table,
      to: ProposedSchema(schema: try TableSchema(columns: columns), renamedFrom: renamed),
      mode: mode ?? table.definition.compatibilityMode)
    return try await catalog.alterTable(evolution.alteration)
  }

  /// The table as a query at the snapshot finds it.
  func table(_ table: TableRecord, at snapshot: SnapshotID) async throws -> TableRecord? {
    try await catalog.manifests(tenant: table.tenant, names: nil, at: snapshot)
      .first { $0.table.id == table.id }?.table
  }
}

/// A column in few words: `name TYPE`, with `!` where it takes no null.
func column(
  _ text: String, default value: String? = nil, comment: String? = nil
) throws -> ColumnDefinition {
  let parts = text.split(separator: " ", maxSplits: 1)
  let isRequired = text.hasSuffix("!")
  return ColumnDefinition(
    name: String(parts[0]),
    type: try ColumnType(sql: String(parts[1]).filter { $0 != "!" }), isNullable: !isRequired,
    defaultValue: value.map { ColumnDefault(catalogText: $0) }, comment: comment)
}

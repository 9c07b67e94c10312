import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func alterTable(
    _ alteration: TableAlteration
  ) async throws(CatalogError) -> TableRecord {
    let columns = alteration.columns ?? []
    let definitions = columns.map(\.definition)
    let added = columns.indices.filter { columns[$0].id == nil }
    let inner = InnerColumnValues(added.map { ($0 + 1, definitions[$0].type) })
    let values: [PostgreSQLValue] =
      [
        .int64(alteration.table.rawValue), .int64(alteration.base),
        .text(alteration.compatibilityMode.rawValue),
        alteration.eventTimeColumn.map { .text($0) } ?? .null,
        .int64s(columns.map { $0.id ?? 0 }),
        .int64s(definitions.map { Int64($0.type.columnCount) }), .texts(definitions.map(\.name)),
        .texts(definitions.map(\.type.duckLakeName)),
        .texts(definitions.map { Self.text($0.defaultValue) }),
        .texts(columns.map { Self.text($0.initialDefault) }),
        .bools(definitions.map(\.isNullable)), .texts(definitions.map { $0.comment ?? "" }),
      ] + inner.values + LayoutValues.order(try await renamedOrder(alteration))
      + [database.wallOverride]
    let rows = try await call(
      "SELECT \(SQLFunction.alterTable.name)(\(CommitValues.places(values.count)))", values)
    switch rows.text(0, 0) {
    case "altered": break
    case "changed": throw .tableChanged
    case "contended": throw .contended
    default: throw .tableNotFound
    }
    // By its version: the next change may have come already.
    let version = alteration.base + (alteration.columns == nil ? 0 : 1)
    guard
      let altered = try await tableVersions(
        of: alteration.table, below: version + 1, limit: 1
      ).first
    else { throw .damaged(reason: "an altered table has no versions") }
    return altered.table.with(alteration.compatibilityMode)
  }

  /// The table's order where the alteration renames a column of it; none where it stays.
  private func renamedOrder(
    _ alteration: TableAlteration
  ) async throws(CatalogError) -> [SortField] {
    guard alteration.columns != nil,
      let table = try await tables(ids: [alteration.table]).first
    else { return [] }
    // If the table is of another version by now, the alteration is refused.
    let order = alteration.sortOrder(of: table)
    return order == table.definition.layout.sortOrder ? [] : order
  }

  private static func text(_ value: ColumnDefault?) -> String {
    value?.catalogText ?? ColumnDefault.absentCatalogText
  }

  package func table(
    _ id: TableID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> TableRecord? {
    let rows = try await call(
      TableRows.selection(at: "$2") + " WHERE t.table_id = $1 AND t.created_snapshot <= $2",
      [.int64(id.rawValue), .int64(snapshot.rawValue)])
    return try TableRows.records(rows).first
  }

  package func tableVersions(
    of table: TableID, below version: Int64?, limit: Int
  ) async throws(CatalogError) -> [TableVersion] {
    let rows = try await call(
      TableRows.versions + """
         WHERE t.table_id = $1 AND v.version < $2 ORDER BY v.version DESC LIMIT $3
        """,
      [.int64(table.rawValue), .int64(version ?? .max), .int64(Int64(limit))])
    var versions: [TableVersion] = []
    for row in 0..<rows.count { versions.append(try TableRows.version(rows, row)) }
    return versions
  }
}

import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func table(
    named name: String, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord? {
    let rows = try await call(Self.liveTable, [.int64(tenant.rawValue), .text(name)])
    return try TableRows.records(rows).first
  }

  private static let liveTable =
    TableRows.selection() + """
      WHERE t.tenant_id = $1 AND lower(t.table_name) = lower($2 COLLATE "C")
        AND t.dropped_snapshot IS NULL
      """

  package func tables(ids: [TableID]) async throws(CatalogError) -> [TableRecord] {
    let rows = try await call(
      TableRows.selection(
        joins: "JOIN unnest($1) WITH ORDINALITY AS a(id, place) ON a.id = t.table_id")
        + " ORDER BY a.place",
      [.int64s(ids.map(\.rawValue))])
    return try TableRows.records(rows)
  }

  package func tables(
    tenant: TenantID, after name: String?, limit: Int
  ) async throws(CatalogError) -> [TableRecord] {
    let rows = try await call(
      TableRows.selection() + """
        WHERE t.tenant_id = $1 AND t.dropped_snapshot IS NULL
          AND lower(t.table_name) > lower($2 COLLATE "C")
        ORDER BY lower(t.table_name) LIMIT $3
        """,
      // No name is empty, so all come after the empty one.
      [.int64(tenant.rawValue), .text(name ?? ""), .int64(Int64(limit))])
    return try TableRows.records(rows)
  }

  package func createTable(
    _ definition: TableDefinition, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord {
    let definition = try definition.keyColumnsRequired()
    let columns = definition.schema.columns
    let ids = definition.firstColumnIDs
    let keyColumns = definition.primaryKey.compactMap { name in
      columns.firstIndex { $0.name == name }.map { ids[$0] }
    }
    let columnIDs = Dictionary(zip(columns.map(\.name), ids)) { first, _ in first }
    let inner = InnerColumnValues(columns.enumerated().map { ($0.offset + 1, $0.element.type) })
    let layout = try LayoutValues.values(definition.layout, columnIDs: columnIDs)
    let values: [PostgreSQLValue] =
      [
        .int64(tenant.rawValue), .text(definition.name),
        .text(definition.compatibilityMode.rawValue),
        definition.eventTimeColumn.map { .text($0) } ?? .null, .int64s(ids),
        .int64(definition.firstFreeColumnID), .texts(columns.map(\.name)),
        .texts(columns.map(\.type.duckLakeName)),
        .texts(
          columns.map { $0.defaultValue?.catalogText ?? ColumnDefault.absentCatalogText }),
        .bools(columns.map(\.isNullable)), .texts(columns.map { $0.comment ?? "" }),
      ] + inner.values + [
        .int64s(keyColumns), .text(definition.onExistingKey.rawValue),
      ] + layout + [database.wallOverride]
    let rows = try await call(
      """
      SELECT outcome, made_table, made_schema, made_at, made_snapshot
      FROM \(SQLFunction.makeTable.name)(\(CommitValues.places(values.count)))
      """, values)
    switch rows.text(0, 0) {
    case "made": break
    case "exists": throw .tableExists
    case "contended": throw .contended
    default: throw .damaged(reason: "tenant without a row")
    }
    return TableRecord(
      id: TableID(rows.int64(0, 1)), tenant: tenant, definition: definition, schemaVersion: 1,
      columnIDs: ids,
      initialDefaults: columns.map { _ in nil }, versionBegin: SnapshotID(rows.int64(0, 4)),
      folder: Folders.table(schema: rows.int64(0, 2), table: rows.int64(0, 1)),
      createdAt: Timestamp(microseconds: rows.int64(0, 3)), isDropped: false,
      partitioningID: definition.layout.isPartitioned ? rows.int64(0, 1) + 1 : nil)
  }

  package func dropTable(
    named name: String, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord {
    let database = database
    return try await database.general.transaction(failure: CatalogError.init) {
      (session) throws(CatalogError) in
      do {
        // The tenant's head first: publishing and changes of tables are serial.
        _ = try session.query(
          "SELECT FROM duckmesh_head WHERE tenant_id = $1 FOR UPDATE", [.int64(tenant.rawValue)])
        let found = try session.query(Self.liveTable, [.int64(tenant.rawValue), .text(name)])
        guard found.count > 0 else { throw CatalogError.tableNotFound }
        let table = try TableRows.record(found, 0)
        let ended = try session.query(
          "SELECT \(SQLFunction.endTable.name)($1, $2, $3)",
          [.int64(tenant.rawValue), .int64(table.id.rawValue), database.wallOverride])
        guard ended.bool(0, 0) else { throw CatalogError.contended }
        return table
      } catch let error as PostgreSQLError {
        throw CatalogError(error)
      } catch let error as CatalogError {
        throw error
      } catch {
        throw .damaged(reason: "\(error)")
      }
    }
  }
}

import Model

/// A tenant and its folder in the lake.
package struct TenantRecord: Sendable, Equatable {
  package let id: TenantID
  package let name: String
  /// The tenant's folder below the lake's root, with a trailing slash.
  package let folder: String
  package let createdAt: Timestamp

  package init(id: TenantID, name: String, folder: String, createdAt: Timestamp) {
    self.id = id
    self.name = name
    self.folder = folder
    self.createdAt = createdAt
  }
}

/// How far a schema may change.
package enum CompatibilityMode: String, Sendable, CaseIterable {
  case backward, forward, full, none
}

/// What an `insert` means whose primary key is in the table.
package enum ExistingKeyRule: String, Sendable, CaseIterable {
  /// The new row takes the old one's place.
  case upsert
  /// The event becomes a dead letter.
  case deadLetter = "dead_letter"
}

/// What is asked for when a table is made.
package struct TableDefinition: Sendable, Equatable {
  package var name: String
  package var schema: TableSchema
  package var compatibilityMode: CompatibilityMode
  /// The column that an event's own time fills when the payload lacks it.
  package var eventTimeColumn: String?
  /// The columns of the primary key in the order given, as the schema spells them; none for a table
  /// without one.
  package var primaryKey: [String]
  package var onExistingKey: ExistingKeyRule
  package var layout: TableLayout

  package init(
    name: String, schema: TableSchema, compatibilityMode: CompatibilityMode = .backward,
    eventTimeColumn: String? = nil, primaryKey: [String] = [],
    onExistingKey: ExistingKeyRule = .upsert, layout: TableLayout = .unordered
  ) {
    self.name = name
    self.schema = schema
    self.compatibilityMode = compatibilityMode
    self.eventTimeColumn = eventTimeColumn
    self.primaryKey = primaryKey
    self.onExistingKey = onExistingKey
    self.layout = layout
  }

  package var isKeyed: Bool { !primaryKey.isEmpty }

  /// The ids that the columns of a new table have: each leaves room for what is inside the one
  /// before it.
  package var firstColumnIDs: [Int64] {
    var next: Int64 = 1
    return schema.columns.map { column in
      defer { next += Int64(column.type.columnCount) }
      return next
    }
  }

  /// The first column id that a new table does not take.
  package var firstFreeColumnID: Int64 {
    schema.columns.reduce(1) { $0 + Int64($1.type.columnCount) }
  }

  /// The definition with its key's columns as tables have them: not nullable.
  ///
  /// - Throws: `damaged` when a column of the key is not in the schema or stands twice, which
  ///   whoever asks for the table has to refuse before.
  package func keyColumnsRequired() throws(CatalogError) -> TableDefinition {
    guard isKeyed else { return self }
    guard Set(primaryKey).count == primaryKey.count,
      primaryKey.allSatisfy({ schema.column(named: $0) != nil })
    else { throw .damaged(reason: "a primary key of columns that the table has not") }
    var definition = self
    do {
      definition.schema = try TableSchema(
        columns: schema.columns.map { column in
          guard primaryKey.contains(column.name) else { return column }
          return ColumnDefinition(
            name: column.name, type: column.type, isNullable: false,
            defaultValue: column.defaultValue)
        })
    } catch {
      throw .damaged(reason: "the columns of a table make no schema")
    }
    return definition
  }
}

/// A table as it is at one schema version.
package struct TableRecord: Sendable, Equatable {
  package let id: TableID
  package let tenant: TenantID
  package let definition: TableDefinition
  package let schemaVersion: Int64
  /// The Parquet field id of each column, in the schema's order.
  package let columnIDs: [Int64]
  /// The field ids of what is inside each column, each before its own children; none for scalars.
  package let innerColumnIDs: [[Int64]]
  /// What rows have, column by column, that were written before the column was added.
  package let initialDefaults: [ColumnDefault?]
  /// The snapshot that made this version: files that began at it or later have its columns.
  package let versionBegin: SnapshotID
  /// The table's folder below the lake's root, with a trailing slash.
  package let folder: String
  package let createdAt: Timestamp
  package let isDropped: Bool
  /// Which partitioning new files belong to; nil for a table without one.
  package let partitioningID: Int64?

  /// - Parameter innerColumnIDs: when nil, those that follow each column's own.
  package init(
    id: TableID, tenant: TenantID, definition: TableDefinition, schemaVersion: Int64,
    columnIDs: [Int64], innerColumnIDs: [[Int64]]? = nil, initialDefaults: [ColumnDefault?],
    versionBegin: SnapshotID,
    folder: String, createdAt: Timestamp, isDropped: Bool, partitioningID: Int64? = nil
  ) {
    precondition(columnIDs.count == initialDefaults.count, "a default for each column, or nil")
    self.id = id
    self.tenant = tenant
    self.definition = definition
    self.schemaVersion = schemaVersion
    self.columnIDs = columnIDs
    self.innerColumnIDs =
      innerColumnIDs
      ?? zip(columnIDs, definition.schema.columns).map { id, column in
        Array(id + 1..<id + Int64(column.type.columnCount))
      }
    self.initialDefaults = initialDefaults
    self.versionBegin = versionBegin
    self.folder = folder
    self.createdAt = createdAt
    self.isDropped = isDropped
    self.partitioningID = partitioningID
  }

  package var name: String { definition.name }

  /// The same table with another mode.
  package func with(_ mode: CompatibilityMode) -> TableRecord {
    var definition = definition
    definition.compatibilityMode = mode
    return TableRecord(
      id: id, tenant: tenant, definition: definition, schemaVersion: schemaVersion,
      columnIDs: columnIDs, innerColumnIDs: innerColumnIDs, initialDefaults: initialDefaults,
      versionBegin: versionBegin, folder: folder, createdAt: createdAt, isDropped: isDropped,
      partitioningID: partitioningID)
  }

  /// The Parquet field ids of the primary key's columns, in the key's order.
  package var primaryKeyColumnIDs: [Int64] {
    let idOfName = Dictionary(
      zip(definition.schema.columns.map(\.name), columnIDs)
    ) { first, _ in first }
    return definition.primaryKey.compactMap { idOfName[$0] }
  }
}

/// Tenants and their tables.
///
/// Every change is one snapshot of the lake. Names are unique ignoring case and kept as written.
package protocol TableCatalog: Sendable {
  func tenant(named name: String) async throws(CatalogError) -> TenantRecord?

  /// The tenant of that name, made if it is not there.
  ///
  /// - Throws: `tenantLimitReached` when making it would exceed `limit` tenants.
  func ensureTenant(named name: String, limit: Int) async throws(CatalogError) -> TenantRecord

  func tenants() async throws(CatalogError) -> [TenantRecord]

  /// - Throws: `tableExists`.
  func createTable(
    _ definition: TableDefinition, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord

  /// Makes the next version of a live table's schema at a new snapshot, or changes its mode alone.
  ///
  /// Publishers, commits and other changes come before it or after it: what was checked against
  /// the old version is refused afterwards. Older snapshots keep the version that they had.
  /// - Returns: the table as it is from now on.
  /// - Throws: `tableNotFound`; `tableChanged` when the table has another version than the
  ///   alteration's base.
  func alterTable(_ alteration: TableAlteration) async throws(CatalogError) -> TableRecord

  /// The table as it was at a snapshot; dropped tables too. Nil before it was made.
  func table(
    _ id: TableID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> TableRecord?

  /// A table's versions, newest first: those below `version`, at most `limit`; dropped tables too.
  func tableVersions(
    of table: TableID, below version: Int64?, limit: Int
  ) async throws(CatalogError) -> [TableVersion]

  /// Ends the table; its rows stay readable at older snapshots until retention.
  ///
  /// - Throws: `tableNotFound`.
  func dropTable(named name: String, tenant: TenantID) async throws(CatalogError) -> TableRecord

  /// The live table of that name, any case.
  func table(
    named name: String, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord?

  /// The newest schema of each table, dropped ones included; unknown ids are left out.
  func tables(ids: [TableID]) async throws(CatalogError) -> [TableRecord]

  /// Live tables by name, those after `name`, at most `limit`.
  func tables(
    tenant: TenantID, after name: String?, limit: Int
  ) async throws(CatalogError) -> [TableRecord]
}

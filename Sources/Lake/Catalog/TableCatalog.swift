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

  package init(
    name: String, schema: TableSchema, compatibilityMode: CompatibilityMode = .backward,
    eventTimeColumn: String? = nil, primaryKey: [String] = [],
    onExistingKey: ExistingKeyRule = .upsert
  ) {
    self.name = name
    self.schema = schema
    self.compatibilityMode = compatibilityMode
    self.eventTimeColumn = eventTimeColumn
    self.primaryKey = primaryKey
    self.onExistingKey = onExistingKey
  }

  package var isKeyed: Bool { !primaryKey.isEmpty }

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
  /// The table's folder below the lake's root, with a trailing slash.
  package let folder: String
  package let createdAt: Timestamp
  package let isDropped: Bool

  package init(
    id: TableID, tenant: TenantID, definition: TableDefinition, schemaVersion: Int64,
    columnIDs: [Int64], folder: String, createdAt: Timestamp, isDropped: Bool
  ) {
    self.id = id
    self.tenant = tenant
    self.definition = definition
    self.schemaVersion = schemaVersion
    self.columnIDs = columnIDs
    self.folder = folder
    self.createdAt = createdAt
    self.isDropped = isDropped
  }

  package var name: String { definition.name }

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

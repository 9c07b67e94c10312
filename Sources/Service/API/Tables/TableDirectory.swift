import Catalog
import Edge
import Model
import ObjectStore
import Runtime

/// A table with what the edge compiled for it.
struct DirectoryTable: Sendable {
  let record: TableRecord
  let ingest: IngestTable

  init(_ record: TableRecord) {
    self.record = record
    ingest = IngestTable(
      tenant: record.tenant, table: record.id, schema: record.definition.schema,
      primaryKey: record.definition.primaryKey,
      eventTimeColumn: record.definition.eventTimeColumn)
  }

  /// Whether both are the same schema of the same incarnation.
  func isSame(as other: DirectoryTable) -> Bool {
    record.id == other.record.id && record.schemaVersion == other.record.schemaVersion
  }
}

/// Tenants and tables by name, remembered: ingest looks them up on every request.
///
/// A hit may be out of date: the publishing transaction checks incarnation and schema version and
/// says so, and before a record is refused for not fitting, the table is read again. A miss is
/// always answered by the catalog, so a table just made by another process is found.
final class TableDirectory: Sendable {
  private struct State {
    var tenants: [String: TenantRecord] = [:]
    var tables: [TenantID: [String: DirectoryTable]] = [:]
    var generation = 0
  }

  private let state = Lock(State())
  private let catalog: any Catalog
  private let store: any ObjectStore
  private let tenantLimit: Int

  init(catalog: any Catalog, store: any ObjectStore, tenantLimit: Int) {
    self.catalog = catalog
    self.store = store
    self.tenantLimit = tenantLimit
  }

  /// The identity's tenant, made if need be and allowed.
  ///
  /// - Returns: nil when there is no such tenant.
  func tenant(
    of identity: Identity, makes: Bool
  ) async throws(APIError) -> TenantRecord? {
    let name = identity.tenantName
    if let known = state.withLock({ $0.tenants[name] }) { return known }
    let found: TenantRecord?
    do throws(CatalogError) {
      found =
        makes && identity.makesTenant
        ? try await catalog.ensureTenant(named: name, limit: tenantLimit)
        : try await catalog.tenant(named: name)
    } catch {
      throw APIError(error)
    }
    guard let tenant = found else { return nil }
    do {
      // Workers are confined to the folder, so it must be there before the first query.
      try await store.prepareFolder(tenant.folder)
    } catch {
      throw error == .storageFull ? .storageFull : .unavailable("object store")
    }
    state.withLock { $0.tenants[name] = tenant }
    return tenant
  }

  /// The live table of that name, any case; nil when there is none.
  func table(named name: String, of tenant: TenantRecord) async throws(APIError) -> DirectoryTable?
  {
    if let known = state.withLock({ $0.tables[tenant.id]?[name.lowercased()] }) { return known }
    return try await currentTable(named: name, of: tenant)
  }

  /// The table as the catalog has it now, remembered from here on.
  func currentTable(
    named name: String, of tenant: TenantRecord
  ) async throws(APIError) -> DirectoryTable? {
    let key = name.lowercased()
    // Whoever forgets tables while this one is read means this one too.
    let generation = state.withLock { $0.generation }
    let record: TableRecord?
    do {
      record = try await catalog.table(named: name, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard let record else {
      forget(table: name, of: tenant.id)
      return nil
    }
    let table = DirectoryTable(record)
    state.withLock { state in
      guard state.generation == generation else { return }
      state.tables[tenant.id, default: [:]][key] = table
    }
    return table
  }

  func forget(table name: String, of tenant: TenantID) {
    state.withLock { state in
      state.generation += 1
      state.tables[tenant]?[name.lowercased()] = nil
    }
  }

  /// - Parameter tenant: nil for the tables of all.
  func forgetTables(of tenant: TenantID?) {
    state.withLock { state in
      state.generation += 1
      if let tenant { state.tables[tenant] = nil } else { state.tables = [:] }
    }
  }
}

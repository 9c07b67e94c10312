import Catalog
import Model
import PostgreSQLStore
import TestSupport

/// A store with one table over a server of its own, for tests that crash the server or change its
/// settings.
struct SeparateStore: Sendable {
  let cluster: PostgreSQLCluster
  let catalog: PostgreSQLCatalog
  let bus: PostgreSQLIngestBus
  let table: TableRecord

  /// Closes the store and removes the server afterwards, also when the body throws.
  static func with(
    publishingTimeoutMs: Int? = nil, acquireTimeoutMs: Int? = nil,
    _ body: (SeparateStore) async throws -> Void
  ) async throws {
    let cluster = try await PostgreSQLCluster()
    let database = try await cluster.makeDatabase()
    var options = PostgreSQLBackend.options(database.connection)
    if let publishingTimeoutMs { options.publishingTimeoutMs = publishingTimeoutMs }
    if let acquireTimeoutMs { options.acquireTimeoutMs = acquireTimeoutMs }
    let opened = try await PostgreSQLStore.PostgreSQLDatabase.open(options, lakeFolder: "/lake")
    let result: Result<Void, any Error>
    do {
      let catalog = PostgreSQLCatalog(database: opened)
      let tenant = try await catalog.ensureTenant(named: "acme", limit: 10)
      let table = try await catalog.createTable(
        TableDefinition(name: "events", schema: try Lab.schema()), tenant: tenant.id)
      try await body(
        SeparateStore(
          cluster: cluster, catalog: catalog, bus: PostgreSQLIngestBus(database: opened),
          table: table))
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await opened.close()
    try await cluster.remove()
    try result.get()
  }
}

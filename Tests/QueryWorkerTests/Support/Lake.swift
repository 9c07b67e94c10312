import DuckDB
import Foundation
import Runtime
import WorkerPool
import WorkerProtocol

/// A folder with the Parquet files of some tenants, removed with the last reference.
final class Lake: Sendable {
  let root: String
  private static let engine = Result { try DuckDBInstance() }

  init() throws {
    let name = "duckmesh-worker-tests-\(UUID().uuidString)"
    root = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    // The worker may become another user, who has to get through.
    for folder in [root, root + "/lake"] {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o755])
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: root)
  }

  func folder(of tenant: Int64) -> String { "\(root)/lake/schema-\(tenant)" }

  func binding(_ tenant: Int64) -> TenantBinding {
    TenantBinding(key: tenant, readableFolders: [folder(of: tenant)])
  }

  /// Writes `table` of the tenant from a SELECT; returns what a server would resolve its name to.
  @discardableResult
  func write(_ table: String, of tenant: Int64, as select: String) async throws -> String {
    let folder = folder(of: tenant) + "/" + table
    let file = "\(folder)/data-1.parquet"
    try await Blocking.run {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o755])
      let connection = try Self.engine.get().connect()
      try connection.execute("COPY (\(select)) TO \(sqlLiteral(file)) (FORMAT parquet)")
    }
    return file
  }

  /// Resolves names to the tenant's one file per table, as the server does from its catalog.
  func resolver(
    for tenant: Int64, listing: [ListedTable] = []
  ) -> @Sendable (NeedMessage) async throws -> ResolvedRelations {
    { [folder = folder(of: tenant)] need in
      let relations = need.tables.compactMap { table -> RelationDefinition? in
        let file = "\(folder)/\(table.lowercased())/data-1.parquet"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        return RelationDefinition(
          name: table.lowercased(), select: "SELECT * FROM read_parquet([\(sqlLiteral(file))])")
      }
      return ResolvedRelations(
        relations: relations, listing: need.wantsListing ? listing : [])
    }
  }
}

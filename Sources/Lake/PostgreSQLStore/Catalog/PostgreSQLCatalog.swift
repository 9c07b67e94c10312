import Catalog
import PostgreSQL

/// The catalog inside PostgreSQL: DuckLake 1.0 tables and our own, one schema.
///
/// Whatever decides does so in the database, under row locks in the order that `Migration.initial`
/// gives. What a call reads is read by one statement, which sees one committed state.
package struct PostgreSQLCatalog: Catalog {
  let database: PostgreSQLDatabase

  package init(database: PostgreSQLDatabase) { self.database = database }

  /// Runs one statement that somebody waits for.
  func call(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) async throws(CatalogError) -> PostgreSQLRows {
    do { return try await database.general.call(sql, values) } catch { throw CatalogError(error) }
  }

  /// Runs one statement of maintenance, which may take long.
  func maintain(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) async throws(CatalogError) -> PostgreSQLRows {
    do {
      return try await database.maintenance.call(sql, values)
    } catch {
      throw CatalogError(error)
    }
  }
}

extension CatalogError {
  /// What an error of PostgreSQL's means for the catalog. An uncertain outcome of these calls is
  /// as good as none: each finds what it would have made.
  init(_ error: PostgreSQLError) {
    self =
      switch error {
      case .unavailable(let reason), .outcomeUnknown(let reason): .unavailable(reason: reason)
      case .closed: .unavailable(reason: "the catalog is closed")
      case .refused(let state, let message):
        switch DatabaseRefusal(sqlState: state) {
        case .storageFull: .storageFull
        case .damaged: .damaged(reason: "\(state): \(message)")
        case .other: .unavailable(reason: "the database refused a statement (\(state)): \(message)")
        }
      }
  }

  /// Other programs took every snapshot id that was tried for.
  static let contended = CatalogError.unavailable(reason: "other programs write to the lake")
}

extension CommitError {
  init(_ error: PostgreSQLError) {
    if case .outcomeUnknown(let reason) = error {
      self = .outcomeUnknown(reason: reason)
      return
    }
    self =
      switch CatalogError(error) {
      case .storageFull: .storageFull
      case .damaged(let reason), .unavailable(let reason): .unavailable(reason: reason)
      case .tenantLimitReached, .tableExists, .tableNotFound, .tableChanged, .snapshotNotFound:
        .unavailable(reason: "\(error)")
      }
  }
}

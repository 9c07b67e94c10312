import Catalog
import LakeTables
import Model
import PostgreSQL

/// The catalog inside PostgreSQL: DuckLake 1.0 tables and our own, one schema.
///
/// Whatever decides does so in the database, under row locks in the order that `Migration.initial`
/// gives. What a call reads is read by one statement, which sees one committed state.
package struct PostgreSQLCatalog: Catalog {
  let pool: PostgreSQLPool
  private let clock: CatalogClock?

  /// - Parameter clock: in tests, which move time by hand; nil for the database's clock.
  package init(pool: PostgreSQLPool, clock: CatalogClock? = nil) {
    self.pool = pool
    self.clock = clock
  }

  /// What stands for the time of day: null, and the database's clock counts.
  var wall: PostgreSQLValue { clock.map { .int64($0.wall().microseconds) } ?? .null }

  /// What stands for the clock of leases: null, and the database's clock counts.
  var lease: PostgreSQLValue { clock.map { .int64($0.lease().microseconds) } ?? .null }

  /// Runs one statement. One that writes may be sent again when nobody knows what became of it:
  /// each finds what it would have made.
  func call(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) async throws(CatalogError) -> PostgreSQLRows {
    do { return try await pool.call(sql, values) } catch { throw CatalogError(error) }
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
        switch state {
        case "53100": .storageFull
        case "XX001", "XX002": .damaged(reason: "\(state): \(message)")
        default: .unavailable(reason: "the database refused a statement (\(state)): \(message)")
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
      case .tenantLimitReached, .tableExists, .tableNotFound, .snapshotNotFound:
        .unavailable(reason: "\(error)")
      }
  }
}

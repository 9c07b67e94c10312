import DuckDB
import WorkerProtocol

/// Puts the tables of one statement on its connection.
///
/// They are views in a transaction that is never committed: `main.t` works as in a database of its
/// own, and all of it is gone with the connection.
struct QueryRelations {
  private let resolved: ResolvedRelations
  private let wantsListing: Bool

  init(_ resolved: ResolvedRelations, wantsListing: Bool) {
    self.resolved = resolved
    self.wantsListing = wantsListing
  }

  func create(on connection: DuckDBConnection) throws(QueryFailure) {
    do throws(DuckDBError) {
      try connection.execute("BEGIN TRANSACTION")
      for relation in resolved.relations {
        for statement in relation.setup {
          try connection.execute(statement)
        }
        try connection.execute(
          "CREATE VIEW main.\(sqlIdentifier(relation.name)) AS \(relation.select)")
      }
      if wantsListing {
        try ListingRelations(resolved.listing).create(on: connection)
      }
    } catch {
      throw FailureMapping.failure(ofRelations: error)
    }
  }
}

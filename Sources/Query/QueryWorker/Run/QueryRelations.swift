import DuckDB
import WorkerProtocol

/// Puts the tables of one statement on its connection.
///
/// They are views: those that stay, and those that are made with the statement's own helpers in a
/// transaction that is never committed. `main.t` works as in a database of its own.
///
/// **Invariant:** what runs after this runs in that transaction, so nothing that a statement does
/// outlives its connection, and its `main` holds its own relations and no other.
package struct QueryRelations {
  private let resolved: ResolvedRelations
  private let wantsListing: Bool

  package init(_ resolved: ResolvedRelations, wantsListing: Bool) {
    self.resolved = resolved
    self.wantsListing = wantsListing
  }

  package func create(
    on connection: DuckDBConnection, standing: StandingViews
  ) throws(QueryFailure) {
    let remainder = try standing.place(resolved.relations, on: connection)
    do throws(DuckDBError) {
      try connection.execute("BEGIN TRANSACTION")
      for name in remainder.foreign {
        try connection.execute("DROP VIEW main.\(sqlIdentifier(name))")
      }
      for relation in remainder.own {
        for statement in relation.setup {
          try connection.execute(statement)
        }
        try connection.execute(
          "CREATE OR REPLACE VIEW main.\(sqlIdentifier(relation.name)) AS \(relation.select)")
      }
      if wantsListing {
        try ListingRelations(resolved.listing).create(on: connection)
      }
    } catch {
      throw FailureMapping.failure(ofRelations: error)
    }
  }
}

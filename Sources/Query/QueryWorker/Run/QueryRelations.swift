import DuckDB
import WorkerProtocol

/// Puts the tables of one statement on its connection.
///
/// They are views in a transaction that is never committed: `main.t`, SHOW TABLES and
/// `information_schema` work as on a database of its own, and all of it is gone with the
/// connection.
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
        try list(on: connection)
      }
    } catch {
      throw FailureMapping.failure(ofRelations: error)
    }
  }

  /// Tables that are only looked at by name get a view without rows.
  private func list(on connection: DuckDBConnection) throws(DuckDBError) {
    let created = Set(resolved.relations.map { SyntaxWalk.folded($0.name) })
    for table in resolved.listing {
      let name = sqlIdentifier(table.name)
      if !created.contains(SyntaxWalk.folded(table.name)) {
        let columns = table.columns.map { "NULL::\($0.type) AS \(sqlIdentifier($0.name))" }
        try connection.execute(
          "CREATE VIEW main.\(name) AS SELECT \(columns.joined(separator: ", ")) WHERE false")
      }
      if let comment = table.comment {
        try connection.execute("COMMENT ON VIEW main.\(name) IS \(sqlLiteral(comment))")
      }
    }
  }
}

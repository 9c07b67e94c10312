import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt {
    if let contradiction = rewrite.contradiction { throw .inconsistent(reason: contradiction) }
    let values = CommitValues.rewrite(rewrite) + [database.wallOverride, database.leaseOverride]
    let rows: PostgreSQLRows
    do {
      rows = try await database.maintenance.call(
        """
        SELECT outcome, committed, committed_time
        FROM \(SQLFunction.commitRewrite.name)(\(CommitValues.places(values.count)))
        """, values)
    } catch {
      throw CommitError(error)
    }
    switch rows.text(0, 0) {
    case "committed": return Self.receipt(rows, 0, from: 1)
    case "fenced": throw .fenced([])
    case "changed": throw .filesChanged
    case "schema": throw .tablesChanged([rewrite.table])
    default: throw .unavailable(reason: "other programs write to the lake")
    }
  }

  package func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt? {
    try await resolve(
      rewrite.id, of: rewrite.table, owner: rewrite.owner, epoch: rewrite.epoch)
  }
}

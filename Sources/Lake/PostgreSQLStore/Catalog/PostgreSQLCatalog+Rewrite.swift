import Catalog
import PostgreSQL

extension PostgreSQLCatalog {
  package func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt {
    throw .unavailable(reason: "rewrites are on their way")
  }

  package func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt? {
    throw .unavailable(reason: "rewrites are on their way")
  }
}

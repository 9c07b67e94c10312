import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt {
    throw .unavailable(reason: "rewrites are on their way")
  }

  package func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt? {
    throw .unavailable(reason: "rewrites are on their way")
  }
}

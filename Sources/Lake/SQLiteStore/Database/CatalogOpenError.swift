import SQLite

/// Why the catalog cannot be used at all.
package enum CatalogOpenError: Error, Equatable {
  /// A newer program has migrated it; this one would not understand it.
  case newerCatalog(found: Int, supported: Int)
  /// A migration that was applied differs from the one this program knows.
  case alteredMigration(version: Int)
  case damaged(reason: String)
  case database(SQLiteError)
}

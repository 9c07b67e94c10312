import PostgreSQL

/// Why the catalog on PostgreSQL cannot be used at all.
package enum PostgreSQLOpenError: Error, Equatable {
  /// A newer program has migrated it; this one would not understand it.
  case newerCatalog(found: Int, supported: Int)
  /// It is not, or not wholly, migrated to what this program needs, and may not be migrated now.
  case olderCatalog(found: Int, needed: Int)
  /// A migration that was applied differs from the one this program knows.
  case alteredMigration(version: Int)
  /// The lake's files are said to be elsewhere than where this process would put them.
  case otherDataPath(recorded: String, configured: String)
  case database(PostgreSQLError)
}

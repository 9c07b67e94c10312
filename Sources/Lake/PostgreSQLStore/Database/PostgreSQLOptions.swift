/// How a process uses the catalog's database.
package struct PostgreSQLOptions: Sendable {
  /// Who brings the catalog to the version that this program needs.
  package enum MigrationPolicy: Sendable {
    /// Opening does, also beside running processes: migrations leave what those use as it is.
    case apply
    /// Somebody else does; opening refuses a catalog that is behind.
    case verify
  }

  /// A libpq connection string or URI.
  package var connection: String
  /// One schema holds one lake.
  package var schema: String
  /// Calls that publish at the same time.
  package var publishingConnections: Int
  /// Everything that somebody waits for: claims, commits, reads of the catalog.
  package var generalConnections: Int
  /// Maintenance, whose statements may take long and must not be in the way of the others.
  package var maintenanceConnections: Int
  package var statementTimeoutMs: Int
  package var publishingTimeoutMs: Int
  package var maintenanceTimeoutMs: Int
  package var lockTimeoutMs: Int
  package var connectTimeoutMs: Int
  /// How long a call waits for a free connection.
  package var acquireTimeoutMs: Int
  /// Calls that wait for one, for each pool.
  package var maximumWaiters = 1_024
  package var migration: MigrationPolicy

  package init(
    connection: String, schema: String = "public", publishingConnections: Int = 4,
    generalConnections: Int = 8, maintenanceConnections: Int = 2,
    statementTimeoutMs: Int = 10_000, publishingTimeoutMs: Int = 10_000,
    maintenanceTimeoutMs: Int = 120_000,
    lockTimeoutMs: Int = 5_000, connectTimeoutMs: Int = 5_000, acquireTimeoutMs: Int = 5_000,
    migration: MigrationPolicy = .apply
  ) {
    self.connection = connection
    self.schema = schema
    self.publishingConnections = publishingConnections
    self.generalConnections = generalConnections
    self.maintenanceConnections = maintenanceConnections
    self.statementTimeoutMs = statementTimeoutMs
    self.publishingTimeoutMs = publishingTimeoutMs
    self.maintenanceTimeoutMs = maintenanceTimeoutMs
    self.lockTimeoutMs = lockTimeoutMs
    self.connectTimeoutMs = connectTimeoutMs
    self.acquireTimeoutMs = acquireTimeoutMs
    self.migration = migration
  }

  /// The schema as `search_path` takes it.
  var searchPath: String { PostgreSQLText.identifier(schema) }
}

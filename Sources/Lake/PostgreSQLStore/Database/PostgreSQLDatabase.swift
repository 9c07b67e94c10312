import Catalog
import LakeTables
import Model
import PostgreSQL
import Runtime

/// The catalog's database as one process uses it: a few bounded pools.
///
/// Publishing has connections of its own, because their plans are held to what is right for them
/// and so that no other work can keep an acknowledgement waiting; maintenance has its own, because
/// its statements take long.
package final class PostgreSQLDatabase: Sendable {
  let options: PostgreSQLOptions
  let publishing: PostgreSQLPool
  let general: PostgreSQLPool
  let maintenance: PostgreSQLPool
  /// What each connection is held to, once it is armed.
  package let lakeGuard: LakeGuard
  /// Nil but in tests: the database's own clock is the only one that leases and snapshots know.
  let clock: CatalogClock?

  /// Opens the catalog and, unless the options forbid it, brings it to the present version.
  ///
  /// - Parameters:
  ///   - lakeFolder: where the lake's files are, as DuckLake's own clients must name it.
  ///   - clock: a clock that tests move by hand.
  package static func open(
    _ options: PostgreSQLOptions, lakeFolder: String, clock: CatalogClock? = nil
  ) async throws(PostgreSQLOpenError) -> PostgreSQLDatabase {
    let migrator = PostgreSQLMigrator(options: options, clock: clock)
    switch options.migration {
    case .apply: try await migrator.migrateUp()
    case .verify: try await migrator.verify()
    }
    let database: PostgreSQLDatabase
    do {
      database = try PostgreSQLDatabase(options, clock: clock)
    } catch {
      throw .database(error)
    }
    do throws(PostgreSQLOpenError) {
      try await database.recordDataPath(lakeFolder.hasSuffix("/") ? lakeFolder : lakeFolder + "/")
    } catch {
      await database.close()
      throw error
    }
    return database
  }

  private init(_ options: PostgreSQLOptions, clock: CatalogClock?) throws(PostgreSQLError) {
    self.options = options
    self.clock = clock
    let lakeGuard = LakeGuard()
    self.lakeGuard = lakeGuard
    let verification = Self.verification(lakeGuard)
    var publishingOptions = options.pool(
      "publish", size: options.publishingConnections, settings: Self.publishingSettings)
    publishingOptions.statementTimeoutMs = options.publishingTimeoutMs
    publishingOptions.verification = verification
    publishing = try PostgreSQLPool(options: publishingOptions)
    var generalOptions = options.pool("general", size: options.generalConnections)
    generalOptions.verification = verification
    general = try PostgreSQLPool(options: generalOptions)
    var maintenanceOptions = options.pool("maintain", size: options.maintenanceConnections)
    maintenanceOptions.statementTimeoutMs = options.maintenanceTimeoutMs
    maintenanceOptions.verification = verification
    maintenance = try PostgreSQLPool(options: maintenanceOptions)
  }

  /// A server that was restored or replaced while it was away is noticed by the first connection
  /// to it.
  private static func verification(_ lakeGuard: LakeGuard) -> PostgreSQLVerification {
    PostgreSQLVerification(
      statement: IdentityRow.selection,
      judge: {
        let judge = lakeGuard.judge()
        return { rows in
          guard let state = try? IdentityRow.state(rows) else {
            return "the catalog does not say which lake it is"
          }
          return judge(state)
        }
      },
      objection: { lakeGuard.objection })
  }

  /// A plan that was made while the key table was empty reads all of it for each group once it is
  /// not: publishing only ever looks up by index.
  private static let publishingSettings: [(name: String, value: String)] = [
    ("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
  ]

  /// The parameter by which functions are told the time of day: NULL, which is the database's own.
  var wallOverride: PostgreSQLValue {
    clock.map { .int64($0.wall().microseconds) } ?? .null
  }

  /// The same as a part of a statement; it is constant but in tests.
  var wallOverrideText: String { clock.map { String($0.wall().microseconds) } ?? "NULL" }

  /// The same for leases.
  var leaseOverride: PostgreSQLValue {
    clock.map { .int64($0.lease().microseconds) } ?? .null
  }

  /// The folder is written down once. Two processes with different folders would each write files
  /// that the other's readers look for elsewhere.
  private func recordDataPath(_ path: String) async throws(PostgreSQLOpenError) {
    let recorded: String
    do {
      recorded = try await general.transaction { (session) throws(PostgreSQLError) in
        _ = try session.query(
          """
          UPDATE ducklake_metadata SET value = $1
          WHERE key = 'data_path' AND scope IS NULL AND value = ''
          """, [.text(path)])
        return try session.query(
          "SELECT value FROM ducklake_metadata WHERE key = 'data_path' AND scope IS NULL"
        ).text(0, 0)
      }
    } catch {
      throw .database(error)
    }
    guard recorded == path else {
      throw .otherDataPath(recorded: recorded, configured: path)
    }
  }

  /// Refuses new calls, waits for those that run, and closes the connections.
  package func close() async {
    await publishing.close()
    await general.close()
    await maintenance.close()
  }
}

extension PostgreSQLOptions {
  func pool(
    _ purpose: String, size: Int, settings: [(name: String, value: String)] = []
  ) -> PostgreSQLPoolOptions {
    PostgreSQLPoolOptions(
      connection: connection, applicationName: "duckmesh " + purpose, size: size,
      maximumWaiters: maximumWaiters,
      acquireTimeoutMs: acquireTimeoutMs, connectTimeoutMs: connectTimeoutMs,
      statementTimeoutMs: statementTimeoutMs, lockTimeoutMs: lockTimeoutMs,
      settings: [("search_path", searchPath)] + settings)
  }
}

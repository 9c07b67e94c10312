import LakeTables
import PostgreSQL

/// What is known of one version of the catalog.
package struct MigrationStatus: Sendable, Equatable {
  package enum State: String, Sendable {
    case applied
    case pending
    /// What was applied differs from what this program knows.
    case altered
    /// Applied by a newer program.
    case unknown
  }

  package let version: Int
  package let name: String
  package let state: State
  package let appliedAt: String?
}

/// What a schema of the database holds of the catalog.
struct MigrationState: Sendable {
  struct Applied: Sendable {
    let name: String
    let checksum: String
    let appliedAt: String
  }

  let applied: [Int: Applied]
  private let functions: Set<String>

  static func read(
    _ session: PostgreSQLSession
  ) throws(PostgreSQLOpenError) -> MigrationState {
    do {
      let functions = try session.query(
        """
        SELECT proname::TEXT FROM pg_proc WHERE pronamespace =
          (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        """)
      let names = Set((0..<functions.count).map { functions.text($0, 0) })
      // There may be nothing yet, neither the table nor the schema.
      let isNew =
        try session.query(
          """
          SELECT FROM pg_class WHERE relname = 'duckmesh_migration' AND relnamespace =
            (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          """
        ).count == 0
      guard !isNew else { return MigrationState(applied: [:], functions: names) }
      let rows = try session.query(
        "SELECT version, name, checksum, applied_at::TEXT FROM duckmesh_migration")
      var applied: [Int: Applied] = [:]
      for row in 0..<rows.count {
        applied[Int(rows.int64(row, 0))] = Applied(
          name: rows.text(row, 1), checksum: rows.text(row, 2), appliedAt: rows.text(row, 3))
      }
      return MigrationState(applied: applied, functions: names)
    } catch {
      throw .database(error)
    }
  }

  var missingFunctions: [SQLFunction] {
    FunctionLibrary.all.filter { !functions.contains($0.name) }
  }

  /// Whether nothing is to be done, and nothing is amiss.
  var isComplete: Bool {
    statuses.allSatisfy { $0.state == .applied } && missingFunctions.isEmpty
  }

  func check() throws(PostgreSQLOpenError) {
    let newest = PostgreSQLMigrator.newest
    if let found = applied.keys.max(), found > newest {
      throw .newerCatalog(found: found, supported: newest)
    }
    if let altered = statuses.first(where: { $0.state == .altered }) {
      throw .alteredMigration(version: altered.version)
    }
  }

  var statuses: [MigrationStatus] {
    let known = PostgreSQLMigrator.all.map { migration in
      let found = applied[migration.version]
      let state: MigrationStatus.State =
        switch found?.checksum {
        case nil: .pending
        case migration.checksum: .applied
        default: .altered
        }
      return MigrationStatus(
        version: migration.version, name: migration.name, state: state,
        appliedAt: found?.appliedAt)
    }
    let unknown = applied.filter { $0.key > PostgreSQLMigrator.newest }
      .sorted { $0.key < $1.key }
      .map {
        MigrationStatus(
          version: $0.key, name: $0.value.name, state: .unknown, appliedAt: $0.value.appliedAt)
      }
    return known + unknown
  }
}

import Consistency
import IngestBus
import Model
import PostgreSQL

/// The coordinators of a lake as rows that each of them keeps young, by the database's clock.
package struct PostgreSQLMembership: Membership {
  private let database: PostgreSQLDatabase

  package init(database: PostgreSQLDatabase) { self.database = database }

  package func heartbeat(
    owner: OwnerID, lifetimeMs: Int
  ) async throws(BusError) -> ClaimShare.View {
    let rows: PostgreSQLRows
    do {
      rows = try await database.general.call(
        "SELECT * FROM \(SQLFunction.memberHeartbeat.name)($1, $2, $3::BIGINT)",
        [.text(owner.rawValue), .int64(Int64(lifetimeMs)), database.leaseOverride])
    } catch {
      throw BusError(error)
    }
    return ClaimShare.View(
      liveCoordinators: Int(rows.int64(0, 0)), activeTenants: Int(rows.int64(0, 1)))
  }

  package func leave(owner: OwnerID) async throws(BusError) {
    do {
      _ = try await database.general.call(
        "DELETE FROM duckmesh_member WHERE owner = $1", [.text(owner.rawValue)])
    } catch {
      throw BusError(error)
    }
  }
}

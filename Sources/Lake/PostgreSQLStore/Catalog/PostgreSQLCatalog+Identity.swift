import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog: IdentityCatalog {
  package func state() async throws(CatalogError) -> LakeState {
    try IdentityRow.state(try await call(IdentityRow.selection))
  }

  package func adopt(
    from found: Int64, to generation: Int64
  ) async throws(CatalogError) -> Adoption? {
    let values: [PostgreSQLValue] = [.int64(found), .int64(generation), database.wallOverride]
    let (rows, after): (PostgreSQLRows, PostgreSQLRows)
    do {
      (rows, after) = try await database.maintenance.transaction {
        (session) throws(PostgreSQLError) in
        let rows = try session.query(
          """
          SELECT adopted, restored, opened, tenants, pending
          FROM \(SQLFunction.adopt.name)($1, $2, $3)
          """, values)
        return (rows, try session.query(IdentityRow.selection))
      }
    } catch {
      throw CatalogError(error)
    }
    guard rows.bool(0, 0) else { return nil }
    return Adoption(
      identity: try IdentityRow.state(after).identity,
      restored: SnapshotID(rows.int64(0, 1)), opened: SnapshotID(rows.int64(0, 2)),
      tenants: Int(rows.int64(0, 3)), pending: rows.int64(0, 4))
  }
}

/// What the catalog and its server say of themselves, in one statement that any role may run.
enum IdentityRow {
  /// The server's identifier tells clusters apart, the timeline tells a promoted standby or a
  /// recovery to a point in time from what was before, the database's number a dump that was read
  /// back in.
  static let selection = """
    SELECT (SELECT value FROM duckmesh_meta WHERE key = 'lake') AS lake,
      (SELECT value::BIGINT FROM duckmesh_meta WHERE key = 'generation') AS generation,
      (SELECT system_identifier::TEXT FROM pg_control_system()) || '/'
        || CASE WHEN pg_is_in_recovery() THEN '-'
          ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END || '/'
        || (SELECT oid::TEXT FROM pg_database WHERE datname = current_database()) AS backend,
      (SELECT max(snapshot_id) FROM ducklake_snapshot) AS newest,
      (SELECT coalesce(sum(head), 0)::BIGINT FROM duckmesh_head) AS issued
    """

  static func state(_ rows: PostgreSQLRows) throws(CatalogError) -> LakeState {
    guard rows.count == 1, let lake = rows.optionalText(0, 0),
      let generation = rows.optionalInt64(0, 1), let backend = rows.optionalText(0, 2),
      let newest = rows.optionalInt64(0, 3)
    else { throw .damaged(reason: "the catalog does not say which lake it is") }
    return LakeState(
      identity: LakeIdentity(lake: lake, generation: generation, backend: backend),
      mark: LakeMark(snapshot: SnapshotID(newest), issued: rows.int64(0, 4)))
  }
}

import Foundation
import PostgreSQL

/// What the catalog itself says when all processes have stopped.
struct CatalogInspection: Sendable {
  let cluster: TortureCluster
  let history: History

  /// - Returns: the number of snapshots.
  func run() async throws -> Int {
    try await lookForFiles()
    lookForDeadlocks()
    let rows = try await cluster.outside.call(
      """
      SELECT count(*),
        count(*) FILTER (WHERE snapshot_time <= earlier),
        (SELECT count(*) FROM (SELECT FROM duckmesh_ledger AS one JOIN duckmesh_ledger AS other
          ON one.tenant_id = other.tenant_id AND one.table_id = other.table_id
            AND one.snapshot_id < other.snapshot_id AND one.last_token >= other.first_token
          LIMIT 1) AS overlapping)
      FROM (SELECT snapshot_time, lag(snapshot_time) OVER (ORDER BY snapshot_id) AS earlier
        FROM ducklake_snapshot) AS snapshots
      """)
    if rows.int64(0, 1) != 0 {
      history.violate(.snapshotWentBack, "\(rows.int64(0, 1)) snapshots are not later than others")
    }
    if rows.int64(0, 2) != 0 {
      history.violate(.rowTwice, "two commits of a table share tokens in the ledger")
    }
    return Int(rows.int64(0, 0))
  }

  private func lookForFiles() async throws {
    let rows = try await cluster.outside.call(
      """
      SELECT path FROM ducklake_data_file UNION ALL SELECT path FROM ducklake_delete_file
      """)
    let found = Self.files(below: cluster.storePath)
    for row in 0..<rows.count {
      let name = rows.text(row, 0).split(separator: "/").last.map(String.init) ?? ""
      if !found.contains(name) { history.violate(.fileMissing, rows.text(row, 0)) }
    }
  }

  private static func files(below folder: String) -> Set<String> {
    let all = FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? []
    return Set(all.compactMap { $0.split(separator: "/").last.map(String.init) })
  }

  private func lookForDeadlocks() {
    for line in cluster.postgreSQLLog.split(separator: "\n") where line.contains(" 40P01 ") {
      history.violate(.deadlock, String(line))
      return
    }
  }
}

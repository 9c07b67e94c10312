import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func snapshot(before id: SnapshotID) async throws(CatalogError) -> SnapshotID? {
    let rows = try await call(
      "SELECT max(snapshot_id) FROM ducklake_snapshot WHERE snapshot_id < $1",
      [.int64(id.rawValue)])
    return rows.optionalInt64(0, 0).map(SnapshotID.init)
  }

  package func changedFiles(
    of table: TableID, after base: SnapshotID, through last: SnapshotID
  ) async throws(CatalogError) -> [ChangedFile] {
    guard let record = try await tables(ids: [table]).first else { return [] }
    let rows = try await call(
      ChangeSQL.changedFiles(FileRows.columns) { "$\($0)" },
      [.int64(table.rawValue), .int64(base.rawValue), .int64(last.rawValue)])
    let files = (0..<rows.count).map { row in
      let read = FileRows.record(rows, row, from: 0, folder: record.folder)
      let steps = read.deletes.flatMap { deletes in
        rows.optionalInt64(row, 14).map { DeleteStep(deletes: deletes, begin: SnapshotID($0)) }
      }
      return ChangedFile(
        file: read, end: rows.optionalInt64(row, 13).map(SnapshotID.init),
        steps: steps.map { [$0] } ?? [])
    }
    return ChangedFile.gathered(files, after: base)
  }
}

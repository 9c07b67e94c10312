import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func snapshot(before id: SnapshotID) async throws(CatalogError) -> SnapshotID? {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        "SELECT max(snapshot_id) FROM ducklake_snapshot WHERE snapshot_id < ?"
      ).bind(id.rawValue, at: 1)
      guard try row.step() else { return nil }
      defer { row.reset() }
      return row.optionalInt64(0).map(SnapshotID.init)
    }
  }

  package func changedFiles(
    of table: TableID, after base: SnapshotID, through last: SnapshotID
  ) async throws(CatalogError) -> [ChangedFile] {
    try await read { (connection) throws(SQLiteError) in
      guard let folder = try Self.folder(of: table, connection) else { return [] }
      let row = try connection.prepare(
        ChangeSQL.changedFiles(Self.fileColumns) { "?\($0)" }
      ).bind(table.rawValue, at: 1).bind(base.rawValue, at: 2).bind(last.rawValue, at: 3)
      var files: [ChangedFile] = []
      while try row.step() {
        let read = Self.file(row, folder: folder)
        let steps = read.deletes.flatMap { deletes in
          row.optionalInt64(14).map { DeleteStep(deletes: deletes, begin: SnapshotID($0)) }
        }
        files.append(
          ChangedFile(
            file: read, end: row.optionalInt64(13).map(SnapshotID.init),
            steps: steps.map { [$0] } ?? []))
      }
      return ChangedFile.gathered(files, after: base)
    }
  }
}

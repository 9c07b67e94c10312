import Catalog
import DuckDB
import Foundation
import Glibc
import Maintenance
import Model
import Testing

/// The integrity run reads delete files as it reads data files.
@Suite struct DeleteFileIntegrityTests {
  private static let rule = "a delete file names as many rows as the catalog says"

  /// A keyed table with two data files, a delete file over each.
  private func withDeletes(
    _ body: @Sendable (Mesh, [DeleteFileRecord]) async throws -> Void
  ) async throws {
    try await withMesh { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      for (keys, operation) in [
        (0..<10, .upsert), (10..<20, .upsert), (7..<13, .delete),
      ] as [(Range<Int>, IngestOperation)] {
        let token = try await world.publish(
          keys.map { KeyedModel.Event(operation: operation, key: $0, note: "n") })
        try await running(mesh.coordinator()) { _ in try await world.wait(token) }
      }
      try await mesh.expectClean()
      let deletes = try await mesh.catalog.liveFiles(of: world.table.id).compactMap(\.file.deletes)
      try #require(deletes.map(\.deleteCount) == [3, 3])
      try await body(mesh, deletes)
    }
  }

  /// Writes a delete file anew, with the positions that the SQL makes of its table `old`.
  private func rewrite(_ file: DeleteFileRecord, as select: String, _ mesh: Mesh) async throws {
    let path = mesh.store.localPath(of: file.path)
    let copy = path + ".new"
    _ = try await mesh.engine.withConnection { (connection) throws(DuckDBError) in
      try connection.execute(
        """
        COPY (WITH old AS (SELECT * FROM read_parquet('\(path)')) \(select)) TO '\(copy)'
        (FORMAT parquet)
        """)
    }
    #expect(rename(copy, path) == 0)
  }

  @Test func aMissingDeleteFileIsFound() async throws {
    try await withDeletes { mesh, deletes in
      try await mesh.store.delete([deletes[0].path])
      let one = try await mesh.integrity()
      #expect(!one.isClean && one.missingFiles == 1 && one.violations.isEmpty, "\(one)")
      try await mesh.store.delete([deletes[1].path])
      #expect(try await mesh.integrity().missingFiles == 2)
    }
  }

  @Test(arguments: [
    // A row that is deleted for the catalog comes back.
    "SELECT * FROM old WHERE pos <> (SELECT min(pos) FROM old)",
    // One that is not goes.
    "SELECT * FROM old UNION ALL SELECT file_path, 0 FROM old WHERE pos = (SELECT max(pos) FROM old)",
    "SELECT * FROM old WHERE false",
  ]) func aDeleteFileWithAnotherCountIsFound(select: String) async throws {
    try await withDeletes { mesh, deletes in
      // The first file's deleted rows are its last ones.
      try await rewrite(deletes[0], as: select, mesh)
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.rowMismatchTables == 1, "\(report)")
      #expect(Set(report.violations).isSubset(of: [Self.rule]), "\(report)")
    }
  }

  /// The count is right, the rows are not.
  @Test(arguments: [
    "SELECT file_path, CASE WHEN pos = (SELECT max(pos) FROM old) THEN 10 ELSE pos END AS pos FROM old",
    "SELECT file_path, CASE WHEN pos = (SELECT max(pos) FROM old) THEN -1 ELSE pos END AS pos FROM old",
    "SELECT file_path, (SELECT max(pos) FROM old) AS pos FROM old",
  ]) func aDeleteFileThatNamesRowsThatAreNotOrOneTwiceIsFound(select: String) async throws {
    try await withDeletes { mesh, deletes in
      try await rewrite(deletes[0], as: select, mesh)
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.violations.contains(Self.rule), "\(report)")
    }
  }

  @Test func aCatalogThatCountsADeleteFileWronglyIsFound() async throws {
    try await withDeletes { mesh, deletes in
      try await mesh.tamper(
        """
        UPDATE ducklake_delete_file SET delete_count = delete_count + 1
        WHERE delete_file_id = \(deletes[1].id)
        """)
      // In the ledger as well, so that the catalog agrees with itself.
      try await mesh.tamper(
        """
        UPDATE duckmesh_ledger SET removed_rows = removed_rows + 1, deleted = deleted + 1,
          no_operation = no_operation - 1, table_rows = table_rows - 1
        WHERE removed_rows > 0
        """)
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.violations.contains(Self.rule), "\(report)")
      #expect(report.rowMismatchTables == 1, "\(report)")
    }
  }

  @Test func aDeleteFileWithForeignBytesIsFound() async throws {
    try await withDeletes { mesh, deletes in
      let path = mesh.store.localPath(of: deletes[1].path)
      try await offPool {
        try Data(repeating: 7, count: 500).write(to: URL(fileURLWithPath: path))
      }
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.operationalFailures == 1, "\(report)")
    }
  }
}

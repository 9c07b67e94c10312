import Catalog
import Coordinator
import DuckDB
import Foundation
import Glibc
import Maintenance
import Model
import Runtime
import Testing

/// The integrity run must find what a lying or a losing program leaves, and nothing else.
@Suite struct IntegrityTests {
  /// A lake with some commits, one of them merged, and dead letters.
  private func withLake(
    _ body: @Sendable (Mesh, TableRecord) async throws -> Void
  ) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      for commit in 0..<4 {
        try await running(mesh.coordinator()) { coordinator in
          let ids = (commit * 10)..<(commit * 10 + 10)
          try await mesh.wait(
            table, try await mesh.publishRows(table, ids, telling: coordinator))
        }
      }
      try await mesh.publish(table, [row(99)], rejections: [0: "bad"])
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(table, VisibilityToken(41))
      }
      try await mesh.expectClean()
      try await body(mesh, table)
    }
  }

  /// Writes the first live file anew without one of its rows.
  ///
  /// - Returns: the size of the new file in bytes.
  private func dropOneRow(_ mesh: Mesh, _ table: TableRecord) async throws -> (
    file: DataFileRecord, bytes: Int
  ) {
    let file = try #require(try await mesh.catalog.liveFiles(of: table.id).first).file
    let path = mesh.store.localPath(of: file.path)
    let copy = path + ".new"
    _ = try await mesh.engine.withConnection { (connection) throws(DuckDBError) in
      try connection.execute(
        """
        COPY (SELECT * FROM read_parquet('\(path)') WHERE id <> 4) TO '\(copy)'
        (FORMAT parquet, FIELD_IDS {id: 1, note: 2})
        """)
    }
    #expect(rename(copy, path) == 0)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (file, (attributes[.size] as? NSNumber)?.intValue ?? 0)
  }

  @Test func oneRowDroppedFromAFileIsFound() async throws {
    try await withLake { mesh, table in
      let (file, bytes) = try await dropOneRow(mesh, table)
      try await mesh.tamper(
        "UPDATE ducklake_data_file SET file_size_bytes = \(bytes) WHERE data_file_id = \(file.id)")
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.rowMismatchTables == 1, "\(report)")
      #expect(report.missingFiles == 0 && report.sizeMismatchFiles == 0)
    }
  }

  @Test func oneRowDroppedByACoordinatorThatCountsToItsFileIsFound() async throws {
    try await withLake { mesh, table in
      // It writes nine rows of ten and registers nine: files and catalog agree.
      let (file, bytes) = try await dropOneRow(mesh, table)
      try await mesh.tamper(
        """
        UPDATE ducklake_data_file SET file_size_bytes = \(bytes), record_count = record_count - 1
        WHERE data_file_id = \(file.id)
        """)
      #expect(try await !mesh.integrity().isClean, "the ledger says ten")
      // And in its ledger, nine.
      try await mesh.tamper(
        """
        UPDATE duckmesh_ledger SET inserted = inserted - 1, table_rows = table_rows - 1
        WHERE snapshot_id = \(file.begin.rawValue)
        """)
      #expect(try await !mesh.integrity().isClean, "the totals say ten")
      // And in the totals.
      try await mesh.tamper("UPDATE duckmesh_consumer SET inserted = inserted - 1")
      let report = try await mesh.integrity()
      #expect(!report.isClean, "the watermark has passed ten tokens")
      #expect(
        report.violations.contains("the ledger accounts for every token up to the watermark"),
        "\(report)")
    }
  }

  @Test func aMissingAndATruncatedFileAreFound() async throws {
    try await withLake { mesh, table in
      let files = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
      #expect(truncate(mesh.store.localPath(of: files[1].path), 100) == 0)
      let truncated = try await mesh.integrity()
      #expect(!truncated.isClean && truncated.sizeMismatchFiles == 1, "\(truncated)")
      try await mesh.store.delete([files[0].path])
      let missing = try await mesh.integrity()
      #expect(!missing.isClean && missing.missingFiles == 1, "\(missing)")
    }
  }

  @Test func aFileWithForeignBytesOfTheSameSizeIsFound() async throws {
    try await withLake { mesh, table in
      let file = try #require(try await mesh.catalog.liveFiles(of: table.id).first).file
      let path = mesh.store.localPath(of: file.path)
      let damaged = Data(repeating: 7, count: Int(file.byteCount))
      try await offPool { try damaged.write(to: URL(fileURLWithPath: path)) }
      let report = try await mesh.integrity()
      #expect(!report.isClean && report.operationalFailures == 1, "\(report)")
    }
  }

  @Test(arguments: [
    "DELETE FROM duckmesh_ledger WHERE snapshot_id = (SELECT max(snapshot_id) FROM duckmesh_ledger)",
    "UPDATE duckmesh_ledger SET inserted = inserted + 1, dead_lettered = dead_lettered - 1",
    "UPDATE duckmesh_consumer SET watermark = watermark - 1",
    "DELETE FROM duckmesh_dead_letter",
    "DELETE FROM duckmesh_key WHERE token = 7",
    "UPDATE duckmesh_key SET token = 8 WHERE token = 7",
    "UPDATE duckmesh_head SET head = head + 1",
    """
    DELETE FROM ducklake_data_file WHERE data_file_id = (
      SELECT min(data_file_id) FROM ducklake_data_file)
    """,
    """
    INSERT INTO ducklake_data_file SELECT data_file_id + 1000, table_id, begin_snapshot,
      end_snapshot, file_order, path, path_is_relative, file_format, record_count,
      file_size_bytes, footer_size, row_id_start, partition_id, encryption_key, mapping_id,
      partial_max FROM ducklake_data_file LIMIT 1
    """,
  ]) func anEditedCatalogIsFound(edit: String) async throws {
    try await withLake { mesh, _ in
      try await mesh.tamper(edit)
      let report = try await mesh.integrity()
      #expect(!report.isClean, "\(report)")
    }
  }
}

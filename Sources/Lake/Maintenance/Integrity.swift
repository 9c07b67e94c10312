import Catalog
import Coordinator
import DuckDB
import Model
import ObjectStore

/// What an integrity run found.
package struct IntegrityReport: Sendable, Equatable {
  package var tenantsScanned = 0
  package var snapshotsScanned = 0
  package var referencedFiles = 0
  package var filesChecked = 0
  package var missingFiles = 0
  package var sizeMismatchFiles = 0
  /// Tables whose Parquet rows are not the rows that the ledger says were inserted.
  package var rowMismatchTables = 0
  package var operationalFailures = 0
  /// Rules that do not hold, in words.
  package var violations: [String] = []

  package var isClean: Bool {
    missingFiles == 0 && sizeMismatchFiles == 0 && rowMismatchTables == 0
      && operationalFailures == 0 && violations.isEmpty
  }
}

/// Recomputes from the files themselves what the ledger claims.
struct Integrity: Sendable {
  private static let filesPerScan = 500

  let catalog: any Catalog
  let store: any ObjectStore
  let engine: MaterializerPool

  /// - Parameter tenants: nil for all.
  func check(tenants: [TenantID]?) async throws(EnvironmentFailure) -> IntegrityReport {
    var report = IntegrityReport()
    let scope = tenants.map(Set.init)
    do throws(CatalogError) {
      for violation in try await catalog.violations()
      where scope == nil || violation.tenant.map({ scope?.contains($0) == true }) == true {
        report.violations.append(violation.rule)
      }
      for account in try await catalog.accounts()
      where scope?.contains(account.tenant) ?? true {
        report.tenantsScanned += 1
        if !account.isBalanced {
          report.violations.append("acknowledged events are all accounted for")
        }
      }
      report.snapshotsScanned = try await snapshotCount(scope)
    } catch {
      throw .catalog("\(error)")
    }
    for tenant in try await tenantIDs(scope) {
      try await check(tenant, into: &report)
    }
    return report
  }

  private func snapshotCount(_ scope: Set<TenantID>?) async throws(CatalogError) -> Int {
    guard let scope else { return try await catalog.snapshotStubs(after: nil, limit: .max).count }
    var count = 0
    for tenant in scope {
      count += try await catalog.snapshots(tenant: tenant, before: nil, limit: .max).count
    }
    return count
  }

  private func tenantIDs(
    _ scope: Set<TenantID>?
  ) async throws(EnvironmentFailure) -> [TenantID] {
    if let scope { return scope.sorted() }
    do {
      return try await catalog.tenants().map(\.id)
    } catch {
      throw .catalog("\(error)")
    }
  }

  private func check(
    _ tenant: TenantID, into report: inout IntegrityReport
  ) async throws(EnvironmentFailure) {
    let tables: [TableAccount]
    do {
      tables = try await catalog.tableAccounts(tenant: tenant)
    } catch {
      throw .catalog("\(error)")
    }
    for table in tables where !table.isExpired {
      var rows: Int64 = 0
      var isWhole = true
      for start in stride(from: 0, to: table.files.count, by: Self.filesPerScan) {
        let files = Array(
          table.files[start..<min(start + Self.filesPerScan, table.files.count)])
        let present = await presentFiles(files, into: &report)
        isWhole = isWhole && present.count == files.count
        rows += try await rowCount(present, into: &report)
        let deletes = await presentDeletes(files, into: &report)
        isWhole = isWhole && deletes.count == files.count { $0.deletes != nil }
        rows -= try await deletedCount(deletes, into: &report)
      }
      if isWhole, rows != table.ledgerInserted - table.ledgerRemoved {
        report.rowMismatchTables += 1
      }
    }
  }

  /// The files that are there with the size that the catalog has.
  private func presentFiles(
    _ files: [DataFileRecord], into report: inout IntegrityReport
  ) async -> [DataFileRecord] {
    var present: [DataFileRecord] = []
    for file in files {
      report.referencedFiles += 1
      do {
        let size = try await store.byteCount(of: file.path)
        report.filesChecked += 1
        if size == nil {
          report.missingFiles += 1
        } else if size != file.byteCount {
          report.sizeMismatchFiles += 1
        } else {
          present.append(file)
        }
      } catch {
        report.operationalFailures += 1
      }
    }
    return present
  }

  /// The files whose delete files are there.
  private func presentDeletes(
    _ files: [DataFileRecord], into report: inout IntegrityReport
  ) async -> [DataFileRecord] {
    var present: [DataFileRecord] = []
    for file in files {
      guard let deletes = file.deletes else { continue }
      report.referencedFiles += 1
      do {
        let size = try await store.byteCount(of: deletes.path)
        report.filesChecked += 1
        if size == nil { report.missingFiles += 1 } else { present.append(file) }
      } catch {
        report.operationalFailures += 1
      }
    }
    return present
  }

  /// Deleted rows counted by reading the delete files: each a row of its data file, none twice.
  private func deletedCount(
    _ files: [DataFileRecord], into report: inout IntegrityReport
  ) async throws(EnvironmentFailure) -> Int64 {
    let deletes = files.compactMap { file in file.deletes.map { (file, $0) } }
    guard !deletes.isEmpty else { return 0 }
    let paths = deletes.map { SQLText.literal(store.localPath(of: $0.1.path)) }
      .joined(separator: ", ")
    do {
      let counts = try await engine.withConnection { (connection) throws(DuckDBError) in
        try connection.query(
          """
          SELECT file_index::BIGINT, count(DISTINCT pos), count(*), min(pos), max(pos)
          FROM read_parquet([\(paths)], union_by_name = true, hive_partitioning = false)
          GROUP BY file_index
          """)
      }
      var total: Int64 = 0
      for row in counts.rows {
        guard let index = row[0].int64, let distinct = row[1].int64, let count = row[2].int64,
          let first = row[3].int64, let last = row[4].int64
        else { continue }
        total += distinct
        let (file, known) = deletes[Int(index)]
        if count != known.deleteCount || distinct != count || first < 0
          || last >= file.recordCount
        {
          report.violations.append("a delete file names as many rows as the catalog says")
        }
      }
      return total
    } catch {
      report.operationalFailures += 1
      return 0
    }
  }

  /// Rows counted by reading the files, not taken from their footers or the catalog.
  private func rowCount(
    _ files: [DataFileRecord], into report: inout IntegrityReport
  ) async throws(EnvironmentFailure) -> Int64 {
    guard !files.isEmpty else { return 0 }
    let paths = files.map { SQLText.literal(store.localPath(of: $0.path)) }
      .joined(separator: ", ")
    do {
      let counts = try await engine.withConnection { (connection) throws(DuckDBError) in
        // A column that every row has a value for makes the reader go through the pages.
        try connection.query(
          """
          SELECT file_index::BIGINT, count(*) FILTER (file_row_number >= 0)
          FROM read_parquet([\(paths)], union_by_name = true, hive_partitioning = false)
          GROUP BY file_index
          """)
      }
      var total: Int64 = 0
      for row in counts.rows {
        guard let index = row[0].int64, let count = row[1].int64 else { continue }
        total += count
        if count != files[Int(index)].recordCount {
          report.violations.append("a file holds as many rows as the catalog says")
        }
      }
      return total
    } catch {
      report.operationalFailures += 1
      return 0
    }
  }
}

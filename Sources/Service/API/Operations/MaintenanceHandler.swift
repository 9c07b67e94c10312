import HTTPServer
import Maintenance
import Model
import SimdJSON

/// The routes that run maintenance now.
struct MaintenanceHandler: Sendable {
  let services: APIServices

  func compaction(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let maintenance = try service()
    let summary: CompactionSummary
    do {
      summary = try await maintenance.compactNow()
    } catch {
      throw .unavailable(error.component)
    }
    return completed(
      context,
      [
        ("tables_compacted", summary.tables), ("merges", summary.merges),
        ("rewrites", summary.rewrites),
        ("files_merged", summary.filesMerged), ("bytes_rewritten", Int(summary.bytesRewritten)),
        ("deleted_rows_dropped", Int(summary.deletedRowsDropped)),
        ("merges_lost", summary.lost),
      ])
  }

  func retention(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let maintenance = try service()
    let summary: RetentionSummary
    do {
      summary = try await maintenance.retainNow()
    } catch {
      throw .unavailable(error.component)
    }
    return completed(
      context,
      [
        ("snapshots_expired", summary.snapshotsExpired), ("files_deleted", summary.filesDeleted),
        ("orphans_deleted", summary.orphansDeleted),
      ])
  }

  func integrity(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let maintenance = try service()
    let tenant = try await services.tenant(context, makes: false)
    let report: IntegrityReport
    do {
      report = try await maintenance.checkIntegrity(
        tenants: context.identity?.isAdministrator == true ? nil : [tenant.id])
    } catch {
      throw .unavailable(error.component)
    }
    let facts: [(String, Int)] = [
      ("tenants_scanned", report.tenantsScanned), ("snapshots_scanned", report.snapshotsScanned),
      ("referenced_files", report.referencedFiles),
      ("unique_files_checked", report.filesChecked), ("missing_files", report.missingFiles),
      ("size_mismatch_files", report.sizeMismatchFiles),
      ("row_mismatch_tables", report.rowMismatchTables),
      ("rule_violations", report.violations.count),
      ("operational_failures", report.operationalFailures),
    ]
    guard report.isClean else {
      throw APIError(
        500, "INTEGRITY_CHECK_FAILED", "what is stored contradicts the catalog",
        context: facts.map { .init($0.0, .integer($0.1)) } + [
          .init("violations", .array(report.violations.map { .string($0) }))
        ])
    }
    return completed(context, facts)
  }

  private func service() throws(APIError) -> MaintenanceService {
    guard let maintenance = services.maintenance else { throw .roleNotServed([.maintenance]) }
    return maintenance
  }

  private func completed(_ context: RequestContext, _ facts: [(String, Int)]) -> HTTPResponse {
    .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", "completed")
      writer.name("summary")
      writer.beginObject()
      for (name, value) in facts { writer.member(name, value) }
      writer.endObject()
      writer.endObject()
    }
  }
}

import Catalog
import Model
import Runtime
import WorkerPool
import WorkerProtocol

extension QueryService {
  /// The tables of a tenant at a query's snapshot, by name, with their comments.
  ///
  /// - Throws: `snapshotGone` when it has been expired meanwhile.
  package func tables(at target: QueryTarget) async throws(QueryError) -> [ListedTable] {
    do throws(CatalogError) {
      return try await listing(tenant: target.tenant.id, at: target.snapshot.id)
    } catch {
      if case .snapshotNotFound = error { throw .snapshotGone }
      throw QueryError(error)
    }
  }

  /// Some rows of a table, whichever are read first.
  package func sample(
    of table: String, rows: Int, byteLimit: UInt64, timeoutMs: Int, at target: QueryTarget,
    output: some AnswerSink
  ) async throws(QueryError) {
    let statement = WorkerQuery(
      sql: "SELECT * FROM main.\(SQLText.identifier(table)) LIMIT \(rows)",
      rowLimit: UInt64(rows), resultByteLimit: byteLimit)
    let request = QueryRequest(
      statement: statement, selector: .snapshot(target.snapshot.id), consistencyTimeoutMs: 0,
      timeoutMs: timeoutMs, allowsDeadLetters: true)
    _ = try await run(request, at: target, output: output)
  }
}

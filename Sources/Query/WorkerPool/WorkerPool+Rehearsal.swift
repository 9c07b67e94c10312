import Foundation
import Runtime
import WorkerProtocol

extension WorkerPool {
  /// A tenant that no catalog has.
  private static let nobody: Int64 = -1

  /// Runs `SELECT 1` in a worker bound to an empty folder.
  func rehearse() async throws(WorkerError) {
    let folder = options.temporaryFolder + "/rehearsal"
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o755])
    } catch {
      throw .unavailable(reason: "the temporary folder cannot be written")
    }
    let deadline = SystemMonotonicClock().now.advanced(byMs: options.birthLimitMs)
    do throws(WorkerError) {
      try await run(
        WorkerQuery(sql: "SELECT 1"),
        tenant: TenantBinding(key: Self.nobody, readableFolders: [folder]), deadline: deadline,
        resolve: { _ in ResolvedRelations(relations: []) }, output: NoOutput())
    } catch .timedOut {
      throw .unavailable(reason: "no query worker started in time")
    }
  }

  private struct NoOutput: AnswerSink {
    func head(_ head: AnswerHead) async throws {}
    func rows(_ bytes: [UInt8]) async throws {}
    func end(_ end: AnswerEnd) async throws {}
  }
}

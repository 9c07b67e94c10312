import IngestBus
import Model
import Observability

/// What a flight notes of itself, so that the next life of the server knows of a crash.
extension Flight {
  /// Called before anything is materialised.
  ///
  /// - Returns: the tenants whose events must survive a child process first.
  func beginAttempt(_ claims: [TenantClaim]) async -> Set<TenantID> {
    guard let attempts = crashGuard?.attempts, !claims.isEmpty else { return [] }
    let ranges = Self.ranges(of: claims)
    // A full queue refuses the materialising as well.
    let suspects = await materializers.runBlocking { attempts.begin(ranges) } ?? []
    if !suspects.isEmpty {
      logger.warning(
        "events that crashed the server are tried in a child process",
        errorCode: "CRASHES_REPEATED", [.tenantCount: LogValue(suspects.count)])
    }
    return suspects
  }

  /// Called while the tenants are still flying, so that no later attempt of theirs is taken back.
  func endAttempt(_ claims: [TenantClaim], committed: [TenantID]) async {
    guard let attempts = crashGuard?.attempts, !claims.isEmpty else { return }
    let ranges = Self.ranges(of: claims)
    _ = await materializers.runBlocking { attempts.end(ranges, committed: Set(committed)) }
  }

  private static func ranges(of claims: [TenantClaim]) -> [AttemptLog.Range] {
    claims.map { AttemptLog.Range(tenant: $0.tenant, firstToken: $0.from.advanced(by: 1)) }
  }
}

import Catalog
import Consistency
import Model

extension BreakableCatalog: DeadLetterCatalog {
  func deadLetters(
    tenant: TenantID, matching filter: DeadLetterFilter, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    try await inner.deadLetters(tenant: tenant, matching: filter, after: id, limit: limit)
  }

  func standings(
    of ids: [Int64], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    try await inner.standings(of: ids, tenant: tenant)
  }

  func standings(
    of tokens: [VisibilityToken], tenant: TenantID
  ) async throws(CatalogError) -> [VisibilityToken: LetterStanding] {
    try await inner.standings(of: tokens, tenant: tenant)
  }

  func settledLetters(
    in range: ClosedRange<VisibilityToken>, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SettledRange {
    try await inner.settledLetters(in: range, tenant: tenant, limit: limit)
  }

  func requestReplays(
    _ requests: [ReplayRequest], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    try await inner.requestReplays(requests, tenant: tenant)
  }

  func discard(
    letter id: Int64, tenant: TenantID
  ) async throws(CatalogError) -> SettledLetter? {
    try await inner.discard(letter: id, tenant: tenant)
  }

  func tenantsWithReplays() async throws(CatalogError) -> [TenantID] {
    try await inner.tenantsWithReplays()
  }

  func claimReplays(
    of tenant: TenantID, owner: OwnerID, limit: Int, byteLimit: Int, leaseMs: Int
  ) async throws(CatalogError) -> ReplayClaim? {
    try await inner.claimReplays(
      of: tenant, owner: owner, limit: limit, byteLimit: byteLimit, leaseMs: leaseMs)
  }

  func hasOpenLetters(table: TableID) async throws(CatalogError) -> Bool {
    try await inner.hasOpenLetters(table: table)
  }

  func tombstones(
    of table: TableID, keys: [[UInt8]]
  ) async throws(CatalogError) -> [KeyTombstone] {
    try await inner.tombstones(of: table, keys: keys)
  }
}

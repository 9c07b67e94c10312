import Model

/// When which tenant's pending events are to be materialised.
///
/// - A tenant that somebody waits for is due at once.
/// - A tenant without a waiter is due when its pending bytes reach the flush size or its oldest
///   pending event reaches the maximum age.
/// - The maximum age stretches between its bounds so that commits keep to a files-per-second budget
///   when many tenants write slowly.
package struct FlushSchedule: Sendable {
  package struct Options: Sendable {
    package var flushIntervalMs: Int
    package var longestAgeMs: Int
    package var flushBytes: Int
    package var filesPerSecond: Int

    package init(
      flushIntervalMs: Int = 200, longestAgeMs: Int = 2_000, flushBytes: Int = 16 << 20,
      filesPerSecond: Int = 100
    ) {
      self.flushIntervalMs = flushIntervalMs
      self.longestAgeMs = longestAgeMs
      self.flushBytes = flushBytes
      self.filesPerSecond = filesPerSecond
    }
  }

  private struct Pending {
    var head: VisibilityToken
    var bytes: Int
    var oldest: Timestamp
    var demanded = VisibilityToken.none
    /// Not tried again before this instant (back-off after a failure).
    var notBefore = Timestamp(microseconds: .min)
  }

  private let options: Options
  private var pending: [TenantID: Pending] = [:]
  /// Demands that came before the publish they name was reported.
  private var earlyDemands: [TenantID: VisibilityToken] = [:]

  package init(options: Options) { self.options = options }

  /// The newest token known to be pending.
  package func head(of tenant: TenantID) -> VisibilityToken? { pending[tenant]?.head }

  /// The bytes known to be pending, roughly.
  package func bytes(of tenant: TenantID) -> Int { pending[tenant]?.bytes ?? 0 }

  package func tenants(withMoreBytesThan limit: Int) -> [TenantID] {
    pending.filter { $0.value.bytes > limit }.map(\.key)
  }

  package var isEmpty: Bool { pending.isEmpty }
  package var tenantCount: Int { pending.count }

  /// The age at which an idle tenant is flushed, for the present number of pending tenants.
  package var maximumAgeMs: Int {
    let stretched = pending.count * 1_000 / max(options.filesPerSecond, 1)
    return min(max(options.flushIntervalMs, stretched), options.longestAgeMs)
  }

  /// Events were published.
  package mutating func published(
    tenant: TenantID, head: VisibilityToken, bytes: Int, now: Timestamp
  ) {
    var known = pending[tenant] ?? Pending(head: head, bytes: 0, oldest: now)
    known.head = max(known.head, head)
    known.bytes += bytes
    if let early = earlyDemands[tenant], early <= head {
      earlyDemands[tenant] = nil
      known.demanded = max(known.demanded, early)
    }
    pending[tenant] = known
  }

  /// The bus says what is pending, for tenants whose publishing nobody has reported.
  package mutating func learned(
    tenant: TenantID, head: VisibilityToken, bytes: Int, now: Timestamp
  ) {
    guard pending[tenant] == nil else { return }
    published(tenant: tenant, head: head, bytes: bytes, now: now)
  }

  /// Somebody waits for `token`.
  package mutating func demanded(tenant: TenantID, token: VisibilityToken) {
    guard let known = pending[tenant] else {
      earlyDemands[tenant] = max(earlyDemands[tenant] ?? .none, token)
      return
    }
    pending[tenant]?.demanded = max(known.demanded, token)
  }

  /// A commit reached `watermark`; what is pending beyond it counts as having come at `now`.
  package mutating func committed(tenant: TenantID, watermark: VisibilityToken, now: Timestamp) {
    if let early = earlyDemands[tenant], early <= watermark { earlyDemands[tenant] = nil }
    guard var known = pending[tenant] else { return }
    if known.demanded <= watermark { known.demanded = .none }
    pending[tenant] = known
    guard known.head > watermark else {
      forget(tenant: tenant)
      return
    }
    known.bytes = 0
    known.oldest = now
    known.notBefore = Timestamp(microseconds: .min)
    pending[tenant] = known
  }

  /// The tenant's batch could not be committed; it stays pending and is tried again later.
  package mutating func failed(tenant: TenantID, notBefore: Timestamp) {
    pending[tenant]?.notBefore = notBefore
  }

  /// Somebody else holds the tenant, or nothing was there: drop what is only a hint.
  ///
  /// Who waits goes on waiting: the demand counts again with the next report of the tenant.
  package mutating func forget(tenant: TenantID) {
    guard let known = pending.removeValue(forKey: tenant), isDemanded(known) else { return }
    earlyDemands[tenant] = max(earlyDemands[tenant] ?? .none, known.demanded)
  }

  /// The tenants to be claimed now, those with the oldest pending event first.
  ///
  /// - Parameter excluded: tenants that are being materialised already.
  package func due(
    now: Timestamp, limit: Int, excluding excluded: Set<TenantID> = []
  ) -> [TenantID] {
    let age = maximumAgeMs
    let ready = pending.filter {
      !excluded.contains($0.key) && isDue($0.value, ageMs: age, now: now)
    }
    return ready.sorted { ($0.value.oldest, $0.key) < ($1.value.oldest, $1.key) }
      .prefix(limit).map(\.key)
  }

  /// The next instant at which a tenant becomes due by itself.
  package func nextDue(excluding excluded: Set<TenantID> = []) -> Timestamp? {
    let age = maximumAgeMs
    return pending.filter { !excluded.contains($0.key) }.values.map { entry in
      let natural =
        isDemanded(entry) || entry.bytes >= options.flushBytes
        ? entry.oldest : entry.oldest.adding(milliseconds: age)
      return max(natural, entry.notBefore)
    }.min()
  }

  private func isDemanded(_ entry: Pending) -> Bool { entry.demanded > .none }

  private func isDue(_ entry: Pending, ageMs: Int, now: Timestamp) -> Bool {
    guard entry.notBefore <= now else { return false }
    return isDemanded(entry) || entry.bytes >= options.flushBytes
      || entry.oldest.adding(milliseconds: ageMs) <= now
  }
}

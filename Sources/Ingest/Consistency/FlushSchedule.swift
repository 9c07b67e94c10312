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

  /// A tenant that is due.
  package struct Candidate: Sendable, Equatable {
    package let tenant: TenantID
    /// Since when it waits for its turn: its first pending event, or its last commit.
    package let queuedSince: Timestamp
    package let isDemanded: Bool

    package init(tenant: TenantID, queuedSince: Timestamp, isDemanded: Bool) {
      self.tenant = tenant
      self.queuedSince = queuedSince
      self.isDemanded = isDemanded
    }
  }

  private struct Pending {
    var arrivals = Arrivals()
    /// Apart from the age of what is pending: who is always behind would be the oldest always, and
    /// keep everybody else out.
    var queuedSince: Timestamp
    var demanded = VisibilityToken.none
    /// Not tried again before this instant (back-off after a failure).
    var notBefore = Timestamp(microseconds: .min)

    var oldest: Timestamp { arrivals.oldest ?? Timestamp(microseconds: .min) }
  }

  /// How finely arrivals are told apart.
  private static let stepsPerInterval = 8

  private let options: Options
  private var pending: [TenantID: Pending] = [:]
  /// Demands that came before the publish they name was reported.
  private var earlyDemands: [TenantID: VisibilityToken] = [:]

  package init(options: Options) { self.options = options }

  /// The newest token known to be pending.
  package func head(of tenant: TenantID) -> VisibilityToken? { pending[tenant]?.arrivals.head }

  /// The bytes known to be pending, roughly.
  package func bytes(of tenant: TenantID) -> Int { pending[tenant]?.arrivals.bytes ?? 0 }

  package func tenants(withMoreBytesThan limit: Int) -> [TenantID] {
    pending.filter { $0.value.arrivals.bytes > limit }.map(\.key)
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
    // In place: this is called for each group of events, and a copy would copy the steps.
    pending[tenant, default: Pending(queuedSince: now)].arrivals.add(
      head: head, bytes: bytes, at: now, stepMs: options.flushIntervalMs / Self.stepsPerInterval)
    if let early = earlyDemands[tenant], early <= head {
      earlyDemands[tenant] = nil
      demanded(tenant: tenant, token: early)
    }
  }

  /// The bus says what is pending, also of tenants whose publishing nobody has reported.
  ///
  /// - Parameter oldest: when the oldest pending event came, at the latest.
  package mutating func learned(
    tenant: TenantID, head: VisibilityToken, bytes: Int, oldest: Timestamp
  ) {
    published(tenant: tenant, head: head, bytes: 0, now: oldest)
    // What is reported and what is read are the same events.
    pending[tenant]?.arrivals.raise(toBytes: bytes, oldest: oldest)
  }

  /// Somebody waits for `token`.
  package mutating func demanded(tenant: TenantID, token: VisibilityToken) {
    guard let known = pending[tenant] else {
      earlyDemands[tenant] = max(earlyDemands[tenant] ?? .none, token)
      return
    }
    pending[tenant]?.demanded = max(known.demanded, token)
  }

  /// A commit reached `watermark`; what is pending beyond it is as old as it was, but queues anew.
  package mutating func committed(tenant: TenantID, watermark: VisibilityToken, now: Timestamp) {
    if let early = earlyDemands[tenant], early <= watermark { earlyDemands[tenant] = nil }
    guard var known = pending[tenant] else { return }
    if known.demanded <= watermark { known.demanded = .none }
    known.arrivals.drop(through: watermark)
    pending[tenant] = known
    guard !known.arrivals.isEmpty else { return forget(tenant: tenant) }
    known.queuedSince = now
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

  /// The tenants to be claimed now, those that wait the longest for their turn first.
  ///
  /// - Parameter excluded: tenants that are being materialised already.
  package func due(
    now: Timestamp, limit: Int, excluding excluded: Set<TenantID> = []
  ) -> [TenantID] {
    candidates(now: now, excluding: excluded).prefix(limit).map(\.tenant)
  }

  /// All tenants that are due, those that wait the longest for their turn first.
  package func candidates(
    now: Timestamp, excluding excluded: Set<TenantID> = []
  ) -> [Candidate] {
    let age = maximumAgeMs
    return pending.filter {
      !excluded.contains($0.key) && isDue($0.value, ageMs: age, now: now)
    }.map { candidate($0.key, $0.value) }
      .sorted { ($0.queuedSince, $0.tenant) < ($1.queuedSince, $1.tenant) }
  }

  /// The next instant at which a tenant becomes due by itself.
  ///
  /// - Parameter earliest: before when a tenant is left alone whatever the schedule says.
  package func nextDue(
    excluding excluded: Set<TenantID> = [],
    earliest: (Candidate) -> Timestamp = { _ in Timestamp(microseconds: .min) }
  ) -> Timestamp? {
    let age = maximumAgeMs
    return pending.filter { !excluded.contains($0.key) }.map { tenant, entry in
      let candidate = candidate(tenant, entry)
      let natural =
        isUrgent(entry) ? entry.queuedSince : entry.oldest.adding(milliseconds: age)
      return max(natural, entry.notBefore, earliest(candidate))
    }.min()
  }

  private func candidate(_ tenant: TenantID, _ entry: Pending) -> Candidate {
    Candidate(
      tenant: tenant, queuedSince: entry.queuedSince, isDemanded: isDemanded(entry))
  }

  private func isDemanded(_ entry: Pending) -> Bool { entry.demanded > .none }

  private func isUrgent(_ entry: Pending) -> Bool {
    isDemanded(entry) || entry.arrivals.bytes >= options.flushBytes
  }

  private func isDue(_ entry: Pending, ageMs: Int, now: Timestamp) -> Bool {
    guard entry.notBefore <= now else { return false }
    return isUrgent(entry) || entry.oldest.adding(milliseconds: ageMs) <= now
  }
}

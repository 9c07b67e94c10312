import Model

/// What becomes of claimed events on their way into a snapshot: materialise, put, commit, and find
/// out what a commit has done that gave no answer.
///
/// The caller does what each method says and reports what came of it with the next one.
///
/// Invariants:
/// - A commit names only files that were put before.
/// - A file is given up only if no commit that names it was applied or can still be: never once a
///   commit's outcome was unknown.
package struct FlightProtocol: Sendable {
  /// The events of one table in the flight; known by its position.
  package struct Part: Sendable, Equatable {
    package let tenant: TenantID
    package let table: TableID

    package init(tenant: TenantID, table: TableID) {
      self.tenant = tenant
      self.table = table
    }
  }

  /// One materialisation of one part; each has a file of its own, if it has rows.
  package struct Draft: Hashable, Sendable {
    package let part: Int
    package let version: Int
  }

  package enum CommitReply: Sendable, Equatable {
    case applied
    /// These tenants are not ours any more; none named means all. Certainly not applied.
    case fenced([TenantID])
    /// Certainly not applied.
    case tablesChanged([TableID])
    case certainlyNotApplied
    case outcomeUnknown
  }

  package enum Action: Sendable, Equatable {
    case materialize([Draft])
    case put([Draft])
    case commit([Draft], fences: [TenantFence])
    case resolve([TenantFence])
    case finish(End)
  }

  package struct End: Sendable, Equatable {
    package var committed: [TenantFence]
    package var lost: [TenantID]
    /// Whose files are to be taken away, put or not.
    package var discarded: [Draft]
    /// Tenants of neither list wait and are tried again.
    package var hasFailed: Bool

    package init(
      committed: [TenantFence] = [], lost: [TenantID] = [], discarded: [Draft] = [],
      hasFailed: Bool = false
    ) {
      self.committed = committed
      self.lost = lost
      self.discarded = discarded
      self.hasFailed = hasFailed
    }
  }

  /// Materialisations of one part in one flight. A table that changes more often than that under a
  /// flight is tried again by a later one.
  package static let maxVersions = 8

  private let parts: [Part]
  private var fences: [TenantFence]
  private var lost: [TenantID] = []
  /// The draft of each part that the next commit names.
  private var current: [Draft]
  /// Drafts that certainly no commit names.
  private var unnamed: [Draft] = []

  package init(fences: [TenantFence], parts: [Part]) {
    self.fences = fences
    self.parts = parts
    current = parts.indices.map { Draft(part: $0, version: 1) }
  }

  package mutating func begin() -> Action {
    guard !fences.isEmpty else { return .finish(End()) }
    return materialize(current)
  }

  package func materialized(_ drafts: [Draft]) -> Action { .put(drafts) }

  package func put() -> Action { .commit(current, fences: fences) }

  /// Materialising or putting was not possible.
  package func failed() -> Action { finish(failed: true) }

  package mutating func received(_ reply: CommitReply) -> Action {
    switch reply {
    case .applied: return applied()
    case .certainlyNotApplied: return finish(failed: true)
    case .fenced(let tenants):
      // The others' files are as good as before: they are committed again as they are.
      lose(tenants.isEmpty ? fences.map(\.tenant) : tenants)
      return fences.isEmpty ? finish() : .commit(current, fences: fences)
    case .tablesChanged(let tables):
      let changed = current.indices.filter { tables.contains(parts[current[$0].part].table) }
      // Nothing of ours: it would be refused for ever.
      guard !changed.isEmpty,
        changed.allSatisfy({ current[$0].version < Self.maxVersions })
      else { return finish(failed: true) }
      for index in changed {
        current[index] = Draft(part: current[index].part, version: current[index].version + 1)
      }
      return materialize(changed.map { current[$0] })
    case .outcomeUnknown:
      unnamed.removeAll(where: current.contains)
      return .resolve(fences)
    }
  }

  /// - Parameter isApplied: the final answer to what an unknown outcome was.
  package mutating func resolved(isApplied: Bool) -> Action {
    if isApplied { return applied() }
    // Fenced off by the question: the tenants are claimed anew. The files stay for the collector of
    // orphans all the same, which asks the catalog for each: the answer rests on the trace that a
    // commit leaves, and whoever slept for longer than traces are kept finds none of a commit that
    // was applied.
    lose(fences.map(\.tenant))
    return finish()
  }

  /// The outcome stays unknown; the files may be named now or later.
  package func notResolved() -> Action { finish(failed: true) }

  private mutating func materialize(_ drafts: [Draft]) -> Action {
    unnamed += drafts
    return .materialize(drafts)
  }

  private mutating func applied() -> Action {
    unnamed.removeAll(where: current.contains)
    return finish(committed: fences)
  }

  private mutating func lose(_ tenants: [TenantID]) {
    lost += tenants
    fences.removeAll { tenants.contains($0.tenant) }
    current.removeAll { tenants.contains(parts[$0.part].tenant) }
  }

  private func finish(committed: [TenantFence] = [], failed: Bool = false) -> Action {
    .finish(End(committed: committed, lost: lost, discarded: unnamed, hasFailed: failed))
  }
}

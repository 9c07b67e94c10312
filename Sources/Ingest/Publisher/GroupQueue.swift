import IngestBus
import Model
import Runtime

/// Submissions that wait for the next publishing transaction: natural batching.
///
/// While one group is being published the next one gathers; there is no time window. A tenant's
/// submissions keep their order. Tenants take turns by what they fill of a group (deficit round
/// robin), and a group that several share is one round of turns: so a tenant with much to write
/// delays another by the group that is under way and a turn of its own, however much it has
/// waiting. Groups are smaller while several write: large ones are cheaper, but whoever comes waits
/// for one. When the queue is full it is the tenant with the most waiting that loses its newest.
///
/// Invariant: what waits stays within the limits; a tenant is in the ring exactly while it has
/// something waiting.
package struct GroupQueue<Entry> {
  package struct Limits: Sendable {
    package var waitingBytes: Int
    package var waitingRequests: Int
    package var groupBytes: Int
    package var groupRecords: Int

    package init(waitingBytes: Int, waitingRequests: Int, groupBytes: Int, groupRecords: Int) {
      self.waitingBytes = waitingBytes
      self.waitingRequests = waitingRequests
      self.groupBytes = groupBytes
      self.groupRecords = groupRecords
    }
  }

  package typealias Item = (submission: Submission, entry: Entry)

  package enum Arrival {
    case refused
    /// Taken; these were put out to make room and are to be answered as refused.
    case taken(displaced: [Item])
  }

  private struct TenantQueue {
    var items = FIFOQueue<Item>()
    var bytes = 0
    /// What the tenant may still send in its turn, in the unit of `cost`.
    var deficit = 0
  }

  private let limits: Limits
  private var tenants: [TenantID: TenantQueue] = [:]
  /// Tenants with something waiting, in the order of their turns.
  private var ring = FIFOQueue<TenantID>()
  /// The first tenant of the last group, and how many groups have been that tenant's alone.
  private var lastTenant: TenantID?
  private var groupsAlone = Self.groupsUntilAlone
  package private(set) var waitingRequests = 0
  package private(set) var waitingBytes = 0

  package init(limits: Limits) { self.limits = limits }

  package var isEmpty: Bool { waitingRequests == 0 }

  /// Adds a submission if there is room for it; a single one always fits an empty queue.
  package mutating func append(_ submission: Submission, _ entry: Entry) -> Arrival {
    var displaced: [Item] = []
    while !fits(submission) {
      guard let item = displace(for: submission) else {
        // Nobody loses a place for one that is refused all the same.
        for item in displaced.reversed() { put(item) }
        return .refused
      }
      displaced.append(item)
    }
    put((submission, entry))
    return .taken(displaced: displaced)
  }

  private func fits(_ submission: Submission) -> Bool {
    waitingRequests < limits.waitingRequests
      && (isEmpty || waitingBytes + submission.byteCount <= limits.waitingBytes)
  }

  private mutating func put(_ item: Item) {
    let tenant = item.submission.tenant
    if tenants[tenant] == nil { ring.append(tenant) }
    tenants[tenant, default: TenantQueue()].items.append(item)
    tenants[tenant]?.bytes += item.submission.byteCount
    waitingBytes += item.submission.byteCount
    waitingRequests += 1
  }

  /// Takes the newest submission away from the tenant with the most waiting, unless that would
  /// leave it with less than the newcomer's tenant gets.
  private mutating func displace(for newcomer: Submission) -> Item? {
    let own = tenants[newcomer.tenant]
    let ownShare = share(
      bytes: (own?.bytes ?? 0) + newcomer.byteCount, requests: (own?.items.count ?? 0) + 1)
    let others = tenants.filter { $0.key != newcomer.tenant }
    guard
      let fullest = others.max(by: { share(of: $0.value) < share(of: $1.value) })?.value,
      let newest = fullest.items.last?.submission,
      share(bytes: fullest.bytes - newest.byteCount, requests: fullest.items.count - 1)
        >= ownShare, let item = tenants[newest.tenant]?.items.popLast()
    else { return nil }
    tookAway(item)
    if tenants[newest.tenant] == nil { _ = ring.removeFirst { $0 == newest.tenant } }
    return item
  }

  private func share(of queue: TenantQueue) -> Double {
    share(bytes: queue.bytes, requests: queue.items.count)
  }

  /// The part of the queue that is taken, by whichever bound is nearer.
  private func share(bytes: Int, requests: Int) -> Double {
    max(
      Double(bytes) / Double(limits.waitingBytes),
      Double(requests) / Double(limits.waitingRequests))
  }

  private mutating func tookAway(_ item: Item) {
    let tenant = item.submission.tenant
    tenants[tenant]?.bytes -= item.submission.byteCount
    waitingBytes -= item.submission.byteCount
    waitingRequests -= 1
    if tenants[tenant]?.items.isEmpty == true { tenants[tenant] = nil }
  }

  /// Takes what the next publishing transaction writes: at least one submission if any waits.
  package mutating func takeGroup() -> [Item] {
    var group: [Item] = []
    var (bytes, records) = (0, 0)
    var members: Set<TenantID> = []
    let bounds = bounds
    defer { note(members, first: group.first?.submission.tenant) }
    while let tenant = ring.first {
      // The ring has come round: who came meanwhile waits for one round, not for all that waits.
      if members.count > 1, members.contains(tenant) { return group }
      tenants[tenant]?.deficit += Self.quantum
      // Looked at in place: a copy of the queue held here would make each taking copy it whole.
      while let next = tenants[tenant]?.items.first,
        cost(of: next.submission, bounds) <= tenants[tenant]?.deficit ?? 0
      {
        bytes += next.submission.byteCount
        records += next.submission.request.records.count
        if !group.isEmpty, bytes > bounds.bytes || records > bounds.records {
          // Its turn comes first in the next group, as if this one had not been offered to it.
          tenants[tenant]?.deficit -= Self.quantum
          return group
        }
        guard let item = tenants[tenant]?.items.popFirst() else { break }
        let cost = cost(of: item.submission, bounds)
        tenants[tenant]?.deficit -= cost
        tookAway(item)
        group.append(item)
        members.insert(tenant)
      }
      _ = ring.popFirst()
      if tenants[tenant] != nil { ring.append(tenant) }
    }
    return group
  }

  private typealias Bounds = (bytes: Int, records: Int)

  private static var groupsUntilAlone: Int { 256 }
  private static var sharedPart: Int { 5 }

  private var bounds: Bounds {
    let part = groupsAlone < Self.groupsUntilAlone ? Self.sharedPart : 1
    return (max(1, limits.groupBytes / part), max(1, limits.groupRecords / part))
  }

  private mutating func note(_ members: Set<TenantID>, first: TenantID?) {
    guard let first else { return }
    let isSame = members.count == 1 && (lastTenant == nil || lastTenant == first)
    groupsAlone = isSame ? min(groupsAlone + 1, Self.groupsUntilAlone) : 0
    lastTenant = first
  }

  private static var wholeGroup: Int { 1 << 30 }
  /// A tenth of a group, so that a group has room for the turns of several.
  private static var quantum: Int { wholeGroup / 10 }

  /// The part of a group that a submission fills, by whichever bound is nearer, of `wholeGroup`.
  private func cost(of submission: Submission, _ bounds: Bounds) -> Int {
    let part = max(
      Double(submission.byteCount) / Double(bounds.bytes),
      Double(submission.request.records.count) / Double(bounds.records))
    return Int(part * Double(Self.wholeGroup))
  }
}

extension PublishGroup {
  /// Forms the group of these submissions.
  ///
  /// - Returns: the group, and for each of its outcomes the index of the submission it answers.
  static func forming(_ submissions: [Submission]) -> (group: PublishGroup, order: [Int]) {
    var indices: [TenantID: [Int]] = [:]
    for (index, submission) in submissions.enumerated() {
      indices[submission.tenant, default: []].append(index)
    }
    var batches: [TenantBatch] = []
    var order: [Int] = []
    for tenant in indices.keys.sorted() {
      let members = indices[tenant] ?? []
      batches.append(
        TenantBatch(
          tenant: tenant, requests: members.map { submissions[$0].request },
          body: SegmentCodec.encode(members.map { submissions[$0].run })))
      order += members
    }
    return (PublishGroup(tenants: batches), order)
  }
}

import IngestBus
import Model
import Runtime

/// Submissions that wait for the next publishing transaction: natural batching.
///
/// While one group is being published the next one gathers; there is no time window. A tenant's
/// submissions keep their order. Tenants take turns by bytes (deficit round robin), so that one
/// with much to write delays another by about a group, however much it has waiting. When the queue
/// is full it is the tenant with the most waiting that loses its newest.
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
    /// Bytes that the tenant may still send in its turn.
    var deficit = 0
  }

  private let limits: Limits
  private var tenants: [TenantID: TenantQueue] = [:]
  /// Tenants with something waiting, in the order of their turns.
  private var ring = FIFOQueue<TenantID>()
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
    var bytes = 0
    var records = 0
    // A tenth of a group, so that a group has room for the turns of several.
    let quantum = max(1, limits.groupBytes / 10)
    while let tenant = ring.first {
      tenants[tenant]?.deficit += quantum
      // Looked at in place: a copy of the queue held here would make each taking copy it whole.
      while let next = tenants[tenant]?.items.first,
        next.submission.byteCount <= tenants[tenant]?.deficit ?? 0
      {
        bytes += next.submission.byteCount
        records += next.submission.request.records.count
        if !group.isEmpty, bytes > limits.groupBytes || records > limits.groupRecords {
          // Its turn comes first in the next group, as if this one had not been offered to it.
          tenants[tenant]?.deficit -= quantum
          return group
        }
        guard let item = tenants[tenant]?.items.popFirst() else { break }
        tenants[tenant]?.deficit -= item.submission.byteCount
        tookAway(item)
        group.append(item)
      }
      _ = ring.popFirst()
      if tenants[tenant] != nil { ring.append(tenant) }
    }
    return group
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

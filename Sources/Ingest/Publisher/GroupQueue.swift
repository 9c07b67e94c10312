import IngestBus
import Model

/// Submissions that wait for the next publishing transaction: natural batching.
///
/// While one group is being published the next one gathers; there is no time window. Order is kept.
struct GroupQueue<Entry> {
  struct Limits: Sendable {
    var waitingBytes: Int
    var waitingRequests: Int
    var groupBytes: Int
    var groupRecords: Int
  }

  private let limits: Limits
  private var waiting: [(submission: Submission, entry: Entry)] = []
  private(set) var waitingBytes = 0

  init(limits: Limits) { self.limits = limits }

  var isEmpty: Bool { waiting.isEmpty }

  /// - Returns: false when the bound is reached; a single submission always fits an empty queue.
  mutating func append(_ submission: Submission, _ entry: Entry) -> Bool {
    guard waiting.count < limits.waitingRequests,
      waiting.isEmpty || waitingBytes + submission.byteCount <= limits.waitingBytes
    else { return false }
    waiting.append((submission, entry))
    waitingBytes += submission.byteCount
    return true
  }

  /// Takes the oldest submissions that fit one group; at least one if any waits.
  mutating func takeGroup() -> [(submission: Submission, entry: Entry)] {
    var bytes = 0
    var records = 0
    var count = 0
    for (submission, _) in waiting {
      bytes += submission.byteCount
      records += submission.request.records.count
      if count > 0, bytes > limits.groupBytes || records > limits.groupRecords { break }
      count += 1
    }
    let group = Array(waiting.prefix(count))
    waiting.removeFirst(count)
    waitingBytes -= group.reduce(0) { $0 + $1.submission.byteCount }
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

import Consistency
import Model

/// What must hold, checked with rules of its own at every change and every answer.
struct Oracle {
  /// The first thing that was wrong.
  private(set) var violation: String?
  /// Groups whose clients were told that nothing of them is durable.
  private var refusedGroups: Set<Int> = []
  private var appliedGroups: Set<Int> = []
  /// The first receipt that a client got for a key, by table and key.
  private var receipts: [Int: (token: Int, content: Int)] = [:]
  private(set) var acknowledgedCount = 0
  /// A bit for each landmark that the history came past.
  private(set) var landmarks: UInt64 = 0
  private var digests: [Int: UInt64] = [:]

  mutating func check(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds, violation == nil { violation = message() }
  }

  mutating func reach(_ landmark: Landmark) { landmarks |= 1 << UInt64(landmark.rawValue) }

  // Invariants: tokens are dense and in commit order; a refusal is a refusal.
  mutating func published(_ tenant: ModelTenant, group: Int, after head: Int) {
    check(tenant.events.count == tenant.head, "the tokens of a tenant are not dense")
    check(tenant.segments.last?.first == head + 1, "a segment does not follow the one before")
    check(
      !refusedGroups.contains(group), "a group is durable whose clients were told that it is not")
    appliedGroups.insert(group)
  }

  mutating func refused(group: Int) {
    check(
      !appliedGroups.contains(group), "clients are told that a durable group is not durable")
    refusedGroups.insert(group)
    reach(.groupRefused)
  }

  // Invariants: an acknowledged event is durable; one key is one write with one receipt.
  mutating func acknowledged(_ request: ModelRequest, tokens: [Int], in tenant: ModelTenant) {
    for (record, token) in zip(request.records, tokens) {
      guard token >= 1, token <= tenant.events.count else {
        check(false, "token \(token) is acknowledged and its event is not durable")
        return
      }
      let event = tenant.events[token - 1]
      check(
        event.table == request.table && event.key == record.key,
        "token \(token) is acknowledged for another event")
      check(
        event.content == record.content,
        "token \(token) is acknowledged with other content than its event has")
      let place = request.table << 16 | record.key
      if let first = receipts[place] {
        check(first.token == token, "a retry got another receipt than the first")
        reach(.keyRetriedAndAnswered)
      } else {
        receipts[place] = (token, record.content)
        acknowledgedCount += 1
      }
    }
  }

  mutating func conflicted(_ request: ModelRequest, at index: Int, in table: ModelTable) {
    reach(.keyConflicted)
    let record = request.records[index]
    let isInRequest = request.records[..<index].contains {
      $0.key == record.key && $0.content != record.content
    }
    let stored = table.keys[record.key]
    check(
      isInRequest || stored.map { $0.content != record.content } ?? false,
      "a key with the same content is called a conflict")
  }

  // Invariant: an epoch is held once.
  mutating func leaseChanges(from old: LeaseState, to new: LeaseState, now: Timestamp) {
    check(new.epoch >= old.epoch, "the epoch of a lease goes back")
    if let owner = new.owner, new.epoch > old.epoch {
      if let former = old.owner {
        reach(former == owner ? .leaseTakenAgainAfterExpiry : .leaseTakenOver)
      }
    }
    guard new.owner != nil, new.epoch == old.epoch else { return }
    check(new.owner == old.owner, "two owners hold a lease under one epoch")
    check(old.leasedUntil > now, "a lease that has run out lives again under its epoch")
  }

  // Invariant: an event leaves the bus only after a snapshot holds it.
  mutating func discarding(_ tenant: ModelTenant, through bound: Int) {
    check(bound <= tenant.accountedThrough, "the bus gives up events that no snapshot holds")
  }

  mutating func deleting(_ file: ModelFile, byWriter: Bool) {
    check(file.namedAt == nil, "a file is deleted that a snapshot names")
    check(!(byWriter && file.wasInDoubt), "a writer deletes a file whose outcome was unknown")
  }

  /// The first receipts that clients got.
  var acknowledgements: [(table: Int, key: Int, token: Int, content: Int)] {
    receipts.map { ($0.key >> 16, $0.key & 0xffff, $0.value.token, $0.value.content) }
  }

  /// - Returns: false when this snapshot of the tenant was read before with other rows.
  mutating func isSame(_ digest: UInt64, tenant: Int, snapshot: Int) -> Bool {
    let place = snapshot << 8 | tenant
    if let known = digests[place] { return known == digest }
    digests[place] = digest
    return true
  }
}

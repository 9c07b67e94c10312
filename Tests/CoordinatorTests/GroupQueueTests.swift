import IngestBus
import Model
import Publisher
import Testing

/// The queue in front of a publishing lane: order, turns, bounds.
@Suite struct GroupQueueTests {
  private typealias Queue = GroupQueue<Int>

  private static func limits(
    waitingBytes: Int = 1 << 30, waitingRequests: Int = 1_000_000, groupBytes: Int = 10_000,
    groupRecords: Int = 1_000_000
  ) -> Queue.Limits {
    Queue.Limits(
      waitingBytes: waitingBytes, waitingRequests: waitingRequests, groupBytes: groupBytes,
      groupRecords: groupRecords)
  }

  private static func submission(
    _ tenant: Int64, bytes: Int = 100, records: Int = 1
  ) -> Submission {
    let key = KeyHash(high: UInt64(bytes), low: UInt64(tenant))
    let record = EventRecord(
      operation: .insert, idempotencyKey: [], payload: [UInt8](repeating: 0x20, count: bytes))
    return Submission(
      tenant: TenantID(tenant),
      request: PublishRequest(
        table: TableID(1), schemaVersion: 1,
        records: (0..<records).map { _ in .init(key: key, content: 0) }),
      run: EventRun(
        table: TableID(1), schemaVersion: 1, traceID: "",
        records: (0..<records).map { _ in record }))
  }

  private static func isRefused(_ arrival: Queue.Arrival) -> Bool {
    if case .refused = arrival { true } else { false }
  }

  @Test(arguments: UInt64(1)...20)
  func eachTenantKeepsItsOrderAndNothingIsLostOrTwice(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var queue = Queue(
      limits: Self.limits(waitingBytes: 200_000, waitingRequests: 300, groupRecords: 40))
    var expected: [Int64: [Int]] = [:]
    var taken: [Int64: [Int]] = [:]
    for id in 0..<5_000 {
      let tenant = Int64.random(in: 1...5, using: &random)
      let bytes = Int.random(in: 1...8_000, using: &random)
      switch queue.append(Self.submission(tenant, bytes: bytes), id) {
      case .refused: break
      case .taken(let displaced):
        expected[tenant, default: []].append(id)
        for item in displaced {
          // Always the newest of its tenant.
          #expect(expected[item.submission.tenant.rawValue]?.popLast() == item.entry)
        }
      }
      #expect(queue.waitingBytes <= 200_000 && queue.waitingRequests <= 300)
      guard Int.random(in: 0..<20, using: &random) == 0 else { continue }
      let group = queue.takeGroup()
      #expect(group.count <= 40)
      #expect(group.count == 1 || group.reduce(0) { $0 + $1.submission.byteCount } <= 10_000)
      for item in group {
        taken[item.submission.tenant.rawValue, default: []].append(item.entry)
      }
    }
    while !queue.isEmpty {
      let group = queue.takeGroup()
      #expect(!group.isEmpty)
      for item in group {
        taken[item.submission.tenant.rawValue, default: []].append(item.entry)
      }
    }
    #expect(queue.takeGroup().isEmpty && queue.waitingBytes == 0)
    #expect(taken == expected.filter { !$0.value.isEmpty })
  }

  @Test func aSingleSubmissionAboveAllBoundsIsTaken() {
    var queue = Queue(limits: Self.limits(waitingBytes: 10, groupBytes: 10))
    #expect(!Self.isRefused(queue.append(Self.submission(1, bytes: 5_000), 1)))
    #expect(Self.isRefused(queue.append(Self.submission(1, bytes: 1), 2)))
    #expect(queue.takeGroup().map(\.entry) == [1])
  }

  @Test func aFloodDelaysAnotherTenantByNoMoreThanAGroup() {
    var queue = Queue(limits: Self.limits())
    for id in 0..<1_000 { _ = queue.append(Self.submission(1, bytes: 3_000), id) }
    _ = queue.takeGroup()
    _ = queue.append(Self.submission(2), -1)
    let next = queue.takeGroup() + queue.takeGroup()
    #expect(next.contains { $0.entry == -1 })
  }

  /// Requests of many small records fill a group as well as large ones do.
  @Test func aFloodOfRecordsDelaysAnotherTenantByOneRound() {
    var queue = Queue(limits: Self.limits(groupBytes: 1 << 30, groupRecords: 1_000))
    for id in 0..<100 { _ = queue.append(Self.submission(1, records: 100), id) }
    #expect(queue.takeGroup().count == 10)
    _ = queue.append(Self.submission(2), -1)
    #expect(queue.takeGroup().contains { $0.entry == -1 })
    _ = queue.append(Self.submission(2), -2)
    let shared = queue.takeGroup()
    #expect(shared.contains { $0.entry == -2 } && shared.count <= 3)
  }

  @Test func groupsAreSmallerWhileSeveralWriteAndGrowAgainForOneAlone() {
    var queue = Queue(limits: Self.limits(groupBytes: 1 << 30, groupRecords: 1_000))
    func alone() -> Int {
      for id in 0..<100 { _ = queue.append(Self.submission(1, records: 100), id) }
      let size = queue.takeGroup().count
      while !queue.isEmpty { _ = queue.takeGroup() }
      return size
    }
    #expect(alone() == 10)
    _ = queue.append(Self.submission(2), -1)
    _ = queue.takeGroup()
    #expect(alone() == 2)
    var sizes: [Int] = []
    while sizes.last != 10, sizes.count < 100 { sizes.append(alone()) }
    #expect(sizes.last == 10)
  }

  @Test func tenantsWithMuchToWriteShareByBytesNotByRequests() {
    var queue = Queue(limits: Self.limits())
    for id in 0..<2_000 {
      _ = queue.append(Self.submission(1, bytes: 50), id)
      if id < 200 { _ = queue.append(Self.submission(2, bytes: 4_000), id) }
    }
    var bytes: [TenantID: Int] = [:]
    for _ in 0..<30 {
      for item in queue.takeGroup() {
        bytes[item.submission.tenant, default: 0] += item.submission.byteCount
      }
    }
    let small = Double(bytes[TenantID(1)] ?? 0)
    let large = Double(bytes[TenantID(2)] ?? 0)
    #expect(small / large > 0.8 && small / large < 1.25)
  }

  @Test func aFullQueueMakesRoomAtTheExpenseOfWhoHasTheMost() {
    var queue = Queue(limits: Self.limits(waitingRequests: 10))
    for id in 0..<10 { _ = queue.append(Self.submission(1), id) }
    #expect(Self.isRefused(queue.append(Self.submission(1), 10)))
    guard case .taken(let displaced) = queue.append(Self.submission(2), 20) else {
      Issue.record("refused")
      return
    }
    #expect(displaced.map(\.entry) == [9])
    for id in 21...24 { _ = queue.append(Self.submission(2), id) }
    // Half and half: neither may take from the other any more.
    #expect(Self.isRefused(queue.append(Self.submission(2), 25)))
    #expect(Self.isRefused(queue.append(Self.submission(1), 26)))
    var taken: Set<Int> = []
    while !queue.isEmpty { taken.formUnion(queue.takeGroup().map(\.entry)) }
    #expect(taken == [0, 1, 2, 3, 4, 20, 21, 22, 23, 24])
  }

  @Test func nobodyLosesAPlaceForOneThatIsRefusedAllTheSame() {
    var queue = Queue(limits: Self.limits(waitingBytes: 5_000))
    for id in 0..<10 { _ = queue.append(Self.submission(1, bytes: 200), id) }
    #expect(Self.isRefused(queue.append(Self.submission(2, bytes: 4_900), 99)))
    #expect(queue.takeGroup().map(\.entry) == Array(0..<10))
  }
}

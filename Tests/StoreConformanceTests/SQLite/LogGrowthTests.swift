import IngestBus
import Model
import SQLite
import SQLiteStore
import Testing

@Suite struct LogGrowthTests {
  /// 200 MB go through the log, which is moved into the database as its service does.
  @Test func theWriteAheadLogStaysSmallUnderSteadyPublishing() async throws {
    let clock = TestClock()
    let backend = try await SQLiteBackend(clock: clock)
    let lab = Lab(
      backend: backend, clock: clock, store: try await backend.open(), lake: TokenLake())
    let table = try await lab.makeTable(of: "acme")
    var random = SeededGenerator(seed: 3)
    var largest = 0
    // What cannot be compressed, 1 MB a round.
    let words = (0..<(1 << 17)).map { _ in random.next() }
    let noise = words.withUnsafeBytes { Array($0) }
    for round in 0..<200 {
      let draft = Draft(table, [TestEvent("\(round)")])
      var run = draft.run
      run.records[0].payload = noise
      let batch = TenantBatch(
        tenant: table.tenant, requests: [draft.request], body: SegmentCodec.encode([run]))
      _ = try await lab.bus.publish(PublishGroup(tenants: [batch]))
      try await backend.checkpoint()
      largest = max(largest, try await backend.logBytes())
    }
    #expect(largest > 0 && largest < 40 << 20, "the log grew to \(largest >> 20) MB")
    await backend.remove()
  }
}

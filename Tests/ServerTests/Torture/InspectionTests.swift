import Foundation
import Testing

/// What is looked for in a stopped cluster is found where it is planted.
@Suite struct InspectionTests {
  @Test func faultsPlantedInAStoppedClusterAreFound() async throws {
    try await TortureCluster.with { try await plant($0) }
  }

  private func plant(_ cluster: TortureCluster) async throws {
    try await cluster.start()
    let history = History()
    let workload = Workload(cluster, history)
    try await workload.prepare()
    var random = SeededGenerator(seed: 1)
    for table in Workload.calm {
      let numbers = history.newRecords(table, count: 5) { Int64($0) }
      _ = try await workload.send(
        .init(table: table, numbers: numbers, contents: numbers.map(Int64.init), waits: true),
        operation: "write", &random)
      _ = await workload.pinSums(table, at: cluster.processes(with: "query")[0])
    }
    #expect(await cluster.stop() == [])
    let inspection = CatalogInspection(cluster: cluster, history: history)
    let comparison = OfficialComparison(cluster: cluster, history: history)
    #expect(try await inspection.run() > Workload.calm.count)
    #expect(try await comparison.run() == Workload.calm.count)
    #expect(history.violations.map(\.description) == [])

    // A record that the catalog shows and nobody wrote, and a snapshot that was remembered wrongly.
    history.state.withLock { state in
      state.records[0].content += 1
      let pin = state.pins.keys.first { $0.table == Workload.calm[1] }
      if let pin {
        state.pins[pin] = .init(count: 6, numberSum: 0, contentSum: 0, watermark: 5)
      }
    }
    _ = try await comparison.run()
    #expect(
      Set(history.violations.map(\.rule)) == [.contentReplaced, .officialReaderDiffers])

    _ = try await cluster.outside.call(
      """
      UPDATE ducklake_snapshot SET snapshot_time = snapshot_time + INTERVAL '1 hour'
      WHERE snapshot_id = 2
      """)
    _ = try await cluster.outside.call(
      "UPDATE duckmesh_ledger SET first_token = 1, last_token = 9, snapshot_id = snapshot_id + 100"
        + " WHERE table_id = (SELECT min(table_id) FROM duckmesh_ledger)")
    _ = try await cluster.outside.call(
      """
      INSERT INTO duckmesh_ledger SELECT tenant_id, table_id, snapshot_id + 1, 9, 9, 0, 0, 0, 0, 0
      FROM duckmesh_ledger WHERE snapshot_id > 100
      """)
    try FileManager.default.removeItem(atPath: cluster.storePath + "/lake")
    _ = try await inspection.run()
    #expect(
      Set(history.violations.map(\.rule)).isSuperset(of: [
        .snapshotWentBack, .rowTwice, .fileMissing,
      ]))
  }

  @Test func theScheduleOfFaultsComesAgainWithItsSeed() {
    func faults(_ seed: UInt64) -> [Fault] {
      var schedule = FaultSchedule(seed: seed)
      return (0..<500).map { _ in schedule.next() }
    }
    #expect(faults(4) == faults(4))
    #expect(faults(4) != faults(5))
    // Every step has its turn.
    let names = Set(faults(4).map(\.name))
    for point in FaultSchedule.points {
      #expect(names.contains("crash at " + point.rawValue))
      #expect(names.contains("pause past the lease at " + point.rawValue))
    }
    for lock in Fault.Lock.allCases {
      for what in ["kill", "end session", "pause"] {
        #expect(names.contains("\(what) inside \(lock.rawValue)"))
      }
    }
  }
}

import TestSupport

/// The official DuckLake extension reads, with all of us stopped, what we answered.
struct OfficialComparison: Sendable {
  let cluster: TortureCluster
  let history: History

  private static let moments = 24

  /// - Returns: how many snapshots of tables were compared.
  func run() async throws -> Int {
    let kept = try await keptSnapshots()
    let known = history.state.withLock { $0.pins }.filter { kept.contains($0.key.snapshot) }
      .sorted { ($0.key.snapshot, $0.key.table.text) < ($1.key.snapshot, $1.key.table.text) }
    let step = max(1, known.count / Self.moments)
    let chosen = known.enumerated().filter { $0.offset % step == 0 }.map(\.element)
    for tenant in Workload.tenants {
      let pins = chosen.filter { $0.key.table.tenant == tenant }
      try await compare(tenant, pins)
    }
    return chosen.count
  }

  private func compare(
    _ tenant: String, _ pins: [(key: History.Pin, value: History.PinnedRows)]
  ) async throws {
    let tables = Workload.calm.filter { $0.tenant == tenant }
    let reader = OfficialReader(
      catalog: "postgres:" + cluster.database.connection, schema: tenant)
    let questions =
      pins.map { pin in
        OfficialReader.Question(
          sql: "\(Workload.sums){table:\(pin.key.table.table)}", snapshot: pin.key.snapshot)
      }
      + tables.map {
        OfficialReader.Question(
          sql: "SELECT n, content FROM {table:\($0.table)}", snapshot: nil)
      }
    let answers = try await reader.ask(questions)
    for (answer, pin) in zip(answers, pins) {
      let expected = [pin.value.count, pin.value.numberSum, pin.value.contentSum]
      let read = answer.first?.compactMap { $0.flatMap(Int64.init) } ?? []
      if read != expected {
        history.violate(
          .officialReaderDiffers,
          "\(pin.key.table.text) at \(pin.key.snapshot): \(read), not"
            + " \(expected)")
      }
    }
    for (answer, table) in zip(answers.dropFirst(pins.count), tables) {
      let rows = answer.compactMap { row -> (number: Int, content: Int64)? in
        guard row.count == 2, let number = row[0].flatMap({ Int($0) }),
          let content = row[1].flatMap({ Int64($0) })
        else { return nil }
        return (number, content)
      }
      if rows.count != answer.count {
        history.violate(.officialReaderDiffers, "\(table.text): rows that cannot be read")
      }
      history.checkFinal(table, rows, watermark: .max)
    }
  }

  private func keptSnapshots() async throws -> Set<Int64> {
    let rows = try await cluster.outside.call("SELECT snapshot_id FROM ducklake_snapshot")
    return Set((0..<rows.count).map { rows.int64($0, 0) })
  }
}

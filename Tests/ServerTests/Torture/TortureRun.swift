import Foundation
import Runtime
import Testing

/// One run from its seed to its report.
struct TortureRun: Sendable {
  var seed: UInt64
  var seconds: Int
  var writers = 4
  var readers = 2
  /// Faults whose names hold this; nil for all.
  var faults: String?

  struct Report: Sendable {
    let text: String
    let violations: [Violation]
  }

  /// Runs the cluster, the clients and the faults, and checks everything afterwards.
  ///
  /// - Throws: what keeps the harness itself from working; logs are kept then, too.
  func run() async throws -> Report {
    try await withCluster { cluster, history, injector in
      try await run(cluster, history, injector)
    }
  }

  /// Writes a fixed set of rows while processes are killed, and expects exactly those.
  func steadyIngest(rows: Int) async throws -> Report {
    try await withCluster { cluster, history, _ in
      try await cluster.start()
      let workload = Workload(cluster, history)
      try await workload.prepare()
      let takeovers = try await SteadyIngest(
        cluster: cluster, history: history, workload: workload, rowCount: rows, seed: seed
      ).run()
      var totals = try await FinalCheck(cluster: cluster, history: history, workload: workload)
        .run()
      totals.takeoversMs = takeovers
      if totals.rows != rows {
        history.violate(.accountsDiffer, "\(totals.rows) rows, not \(rows)")
      }
      return totals
    }
  }

  private func withCluster(
    _ body: (TortureCluster, History, FaultInjector) async throws -> FinalCheck.Totals
  ) async throws -> Report {
    try await TortureCluster.with { cluster in
      let history = History()
      let injector = FaultInjector(cluster)
      do {
        let totals = try await body(cluster, history, injector)
        let report = report(history, injector, totals)
        if !report.violations.isEmpty { try await keep(cluster, report.text) }
        return report
      } catch {
        try? await keep(cluster, "\(error)\n" + report(history, injector, nil).text)
        throw error
      }
    }
  }

  private func run(
    _ cluster: TortureCluster, _ history: History, _ injector: FaultInjector
  ) async throws -> FinalCheck.Totals {
    try await cluster.start()
    let workload = Workload(cluster, history)
    try await workload.prepare()
    let clock = SystemMonotonicClock()
    let end = clock.now.advanced(byMs: seconds * 1_000)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await workload.run(seed: seed, writers: writers, readers: readers) }
      group.addTask {
        defer { workload.isEnding.withLock { $0 = true } }
        try await injector.run(
          FaultSchedule(seed: seed, hasLongPauses: seconds >= 240, only: faults), until: end)
      }
      try await group.waitForAll()
    }
    return try await FinalCheck(cluster: cluster, history: history, workload: workload).run()
  }

  private var logPlace: String {
    FileManager.default.temporaryDirectory.path + "/duckmesh-torture-\(seed)"
  }

  private func keep(_ cluster: TortureCluster, _ text: String) async throws {
    try await cluster.keepLogs(in: logPlace)
    try Data(text.utf8).write(to: URL(fileURLWithPath: logPlace + "/report.txt"))
  }

  private func report(
    _ history: History, _ injector: FaultInjector, _ totals: FinalCheck.Totals?
  ) -> Report {
    let violations = history.violations
    var lines = ["torture: seed \(seed), \(seconds) s"]
    let outcomes = history.outcomes
    lines.append("operations: \(outcomes.values.reduce(0, +))")
    lines += outcomes.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
    lines.append("faults: \(injector.struck.values.reduce(0, +))")
    lines += injector.struck.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
    lines.append("records: \(history.recordCount)")
    if let totals {
      lines.append(
        "rows: \(totals.rows), dead letters: \(totals.deadLetters), snapshots:"
          + " \(totals.snapshots), read by the official extension: \(totals.comparedSnapshots)")
    }
    if let totals, !totals.takeoversMs.isEmpty {
      lines.append("from a coordinator's death to the next commit, ms: \(totals.takeoversMs)")
    }
    lines.append("violations: \(violations.count)")
    if !violations.isEmpty {
      lines += violations.map { "  \($0)" }
      lines.append("seed \(seed); logs of the processes: \(logPlace)")
    }
    return Report(text: lines.joined(separator: "\n") + "\n", violations: violations)
  }
}

import Foundation

/// Many histories, one after the other on each core, and what they came to.
struct Campaign: Sendable {
  struct Summary: Sendable {
    var histories = 0
    var steps = 0
    var faults = 0
    var acknowledgedEvents = 0
    var commits = 0
    var landmarks = Landmarks()
    var failures: [Failure] = []

    mutating func add(_ other: Summary) {
      histories += other.histories
      steps += other.steps
      faults += other.faults
      acknowledgedEvents += other.acknowledgedEvents
      commits += other.commits
      landmarks.add(other.landmarks)
      failures += other.failures
    }
  }

  struct Failure: Sendable {
    let seed: UInt64
    let steps: Int
    let violation: String
  }

  private static let threads = min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 16)

  let seed: UInt64
  let histories: Int
  var planted: PlantedFault?
  /// Whether each thread ends with its first failure.
  var stopsAtFailure = true

  /// The seed of the history at an index; consecutive seeds would do as well, but a campaign's
  /// seeds should be its own.
  static func seed(_ base: UInt64, _ index: Int) -> UInt64 {
    base &+ UInt64(truncatingIfNeeded: index) &* 0x2545_f491_4f6c_dd1d
  }

  /// Runs on threads of its own: it would keep the tests' few shared ones busy for seconds.
  func run() async -> Summary {
    await withTaskGroup(of: Summary.self) { group in
      for lane in 0..<Self.threads {
        group.addTask {
          await withCheckedContinuation { continuation in
            let thread = Thread {
              // What waits for a deadline goes first.
              nice(19)
              continuation.resume(returning: run(lane: lane))
            }
            thread.stackSize = 8 << 20
            thread.start()
          }
        }
      }
      return await group.reduce(into: Summary()) { $0.add($1) }
    }
  }

  private func run(lane: Int) -> Summary {
    var summary = Summary()
    for index in stride(from: lane, to: histories, by: Self.threads) {
      let history = History(seed: Self.seed(seed, index), planted: planted)
      history.run()
      summary.histories += 1
      summary.steps += history.steps
      summary.faults += history.faults
      summary.acknowledgedEvents += history.store.oracle.acknowledgedCount
      summary.commits += history.store.snapshots.count - 1
      summary.landmarks.add(history.store.oracle.landmarks)
      guard let violation = history.violation else { continue }
      summary.failures.append(
        Failure(seed: history.seed, steps: history.steps, violation: violation))
      if stopsAtFailure { break }
    }
    return summary
  }
}

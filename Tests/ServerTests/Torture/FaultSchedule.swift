import Runtime

/// Faults without end, the same ones for the same seed.
struct FaultSchedule {
  private var random: SeededGenerator
  /// Steps that have not had their turn in this round, so that each comes before any comes again.
  private var steps: [Fault.Kind] = []
  /// Whether there is time: for faults of more than a minute, and for a while between faults.
  private let hasLongPauses: Bool
  /// Part of a name; other faults are drawn and left out.
  private let only: String?

  /// Steps at which a process can be armed to end; those inside of a call of PostgreSQL are met by
  /// killing a process whose call waits there.
  static let points: [CrashPoint] = [
    .afterPublish, .afterClaim, .afterMaterialize, .afterPut, .afterCommit, .beforeAcknowledge,
    .mergeAfterPut, .mergeAfterCommit, .expiryAfterCommit, .expiryAfterDelete,
  ]

  init(seed: UInt64, hasLongPauses: Bool = false, only: String? = nil) {
    random = SeededGenerator(seed: seed ^ 0x7fee_1bad)
    self.hasLongPauses = hasLongPauses
    self.only = only
  }

  mutating func next() -> Fault {
    var fault = draw()
    // A name that no fault has is not looked for without end.
    for _ in 0..<10_000 {
      guard let only, !fault.name.contains(only) else { break }
      fault = draw()
    }
    return fault
  }

  private mutating func draw() -> Fault {
    let pause = 50 + random.below(hasLongPauses ? 900 : 300)
    let kind = drawKind()
    return Fault(
      pauseBeforeMs: pause, kind: kind, victim: Double(random.below(10_000)) / 10_000,
      absenceMs: random.below(1_500))
  }

  private mutating func drawKind() -> Fault.Kind {
    switch random.below(100) {
    case 0..<14: return .kill
    case 14..<42: return nextStep()
    case 42..<47: return .pause(milliseconds: TortureCluster.leaseMs + 300 + random.below(1_500))
    case 47..<53: return .cutConnections
    case 53..<71:
      let types: [Character?] = [nil, nil, "C", "Z", "D", "E", "S", "B"]
      return .breakAtMessage(
        toServer: random.chance(50), type: types[random.below(types.count)],
        skipping: random.below(30), isReset: random.chance(50))
    case 71..<80: return .endSessions(count: 1 + random.below(4))
    case 80..<84: return .restartPostgreSQL(isCrash: random.chance(60))
    case 84..<86: return .refuseConnections(milliseconds: 300 + random.below(1_500))
    case 86..<88: return .removePostgreSQL(milliseconds: 500 + random.below(3_500))
    case 88..<94: return .holdLakeHead(milliseconds: 300 + random.below(900))
    default: return .takeStoreAway(milliseconds: 300 + random.below(1_200))
    }
  }

  private mutating func nextStep() -> Fault.Kind {
    if steps.isEmpty {
      steps = Self.points.map { .crash($0) }
      steps += Self.points.map {
        .sleep($0, milliseconds: TortureCluster.leaseMs + 500 + random.below(1_000))
      }
      for lock in Fault.Lock.allCases {
        steps.append(.killInside(lock))
        steps.append(.endSessionInside(lock))
        steps.append(.pauseInside(lock, milliseconds: TortureCluster.leaseMs + 800))
        steps.append(
          .loseAnswer(lock, milliseconds: 300 + random.below(2 * TortureCluster.leaseMs)))
      }
      if hasLongPauses {
        // Long enough for the snapshot of a commit to expire before its writer hears of it.
        let milliseconds = TortureCluster.retentionMs + 15_000
        steps.append(.loseAnswer(.commit, milliseconds: milliseconds))
        steps.append(.loseAnswer(.merge, milliseconds: milliseconds))
      }
      steps.shuffle(using: &random)
    }
    return steps.removeLast()
  }
}

import Catalog
import Coordinator
import Maintenance
import Model
import ObjectStore
import TestSupport
import Testing

/// What goes wrong in a random life.
extension KeyedRun {
  private enum Fault: CaseIterable {
    case putFails, commitRefused, commitUnanswered
    /// The table changes under a commit of events.
    case mergedUnderCommit, alteredUnderCommit, restoredUnderCommit
    case eventsUnderRewrite, alteredUnderRewrite, rewriteNotSent
    case restoreUnanswered, restoreNotSent
  }

  /// Lets the next commit, or the next writing, go wrong in some way.
  mutating func arm(_ coordinator: Coordinator) {
    disarm()
    let fault = Fault.allCases[random.below(Fault.allCases.count)]
    let seed = random.next()
    switch fault {
    case .putFails:
      let once = FailingTimes(1)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if once.isFailing { throw .unavailable(reason: "a fault") }
      }
    case .commitRefused, .commitUnanswered, .mergedUnderCommit, .alteredUnderCommit,
      .restoredUnderCommit:
      armCommit(fault, seed)
    case .eventsUnderRewrite, .alteredUnderRewrite, .rewriteNotSent:
      armRewrite(fault, seed, coordinator)
    case .restoreUnanswered, .restoreNotSent:
      let once = FailingTimes(1)
      mesh.catalog.aroundRestore { (restore, perform) async throws(CommitError) in
        guard once.isFailing else { return try await perform(restore) }
        if fault == .restoreUnanswered { _ = try await perform(restore) }
        throw .outcomeUnknown(reason: "a fault")
      }
    }
  }

  private func armCommit(_ fault: Fault, _ seed: UInt64) {
    let (once, run) = (FailingTimes(1), self)
    mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
      guard once.isFailing else { return try await perform(commit) }
      switch fault {
      case .commitUnanswered:
        _ = try await perform(commit)
        throw .outcomeUnknown(reason: "a fault")
      case .mergedUnderCommit, .restoredUnderCommit:
        run.isCommitHeld.withLock { $0 = true }
        if fault == .mergedUnderCommit {
          await run.compact(by: run.intruder)
        } else {
          try await run.orUnavailable { try await run.world.restore(run.intruder, seed: seed) }
        }
        run.isCommitHeld.withLock { $0 = false }
        return try await perform(commit)
      case .alteredUnderCommit:
        try await run.orUnavailable { try await run.world.alter(seed: seed) }
        return try await perform(commit)
      default: throw .unavailable(reason: "a fault")
      }
    }
  }

  private func armRewrite(
    _ fault: Fault, _ seed: UInt64, _ coordinator: Coordinator
  ) {
    let (once, run) = (FailingTimes(1), self)
    mesh.catalog.beforeRewrite { (_) async throws(CommitError) in
      guard once.isFailing else { return }
      switch fault {
      case .alteredUnderRewrite:
        try await run.orUnavailable { try await run.world.alter(seed: seed) }
      case .eventsUnderRewrite:
        var own = SeededGenerator(seed: seed)
        let events = KeyedModel.draw(3, keys: run.keys, &own)
        try await run.orUnavailable {
          let token = try await run.world.publish(events, telling: coordinator)
          if !run.isCommitHeld.withLock({ $0 }) { try await run.world.wait(token) }
        }
      default: throw .outcomeUnknown(reason: "a fault")
      }
    }
  }

  private func orUnavailable(
    _ body: () async throws -> Void
  ) async throws(CommitError) {
    do {
      try await body()
    } catch {
      Issue.record("\(error)")
      throw .unavailable(reason: "\(error)")
    }
  }

  func disarm() {
    mesh.store.beforePut(nil)
    mesh.catalog.aroundCommit(nil)
    mesh.catalog.beforeRewrite(nil)
    mesh.catalog.aroundRestore(nil)
  }

  /// A coordinator is held before its commit for longer than its lease, as one that has crashed;
  /// another takes over; then the first goes on.
  mutating func takeOver() async throws {
    counts.faults += 1
    let gate = Gate()
    let first = FailingTimes(1)
    mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
      if first.isFailing { await gate.pass() }
      return try await perform(commit)
    }
    let batches = (0..<2).map { _ in KeyedModel.draw(10, keys: keys, &random) }
    let (world, mesh, clock) = (world, mesh, clock)
    let seed = random.next()
    let (isAltered, isRestored) = (random.chance(30), random.chance(30))
    let maintenance = maintenance
    try await running(mesh.coordinator()) { zombie in
      try await world.publish(batches[0], telling: zombie)
      try await eventually { gate.arrivals == 1 }
      clock.advanceLease(milliseconds: 700_000)
      try await world.publish(batches[1])
      try await running(mesh.coordinator()) { _ in
        try await world.wait(VisibilityToken(world.model.head))
      }
      if isAltered { try await world.alter(seed: seed) }
      if isRestored { try await world.restore(maintenance, seed: seed) }
      gate.open()
    }
    disarm()
  }
}

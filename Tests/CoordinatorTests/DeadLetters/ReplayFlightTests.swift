import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import TestSupport
import Testing

/// Coordinators that replay dead letters.
@Suite struct ReplayFlightTests {
  @Test(arguments: MeshStore.Kind.allCases)
  func aReplayLosesToWhatCameLaterAndWinsOverWhatCameBefore(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      try await running(mesh.coordinator()) { _ in
        let world = try await LetterWorld(mesh)
        try await world.write(.upsert, 3)
        try await world.write(.upsert, 5)
        for key in 1...4 { try await world.write(.upsert, key, isLetter: true) }
        for key in 5...6 { try await world.write(.delete, key, isLetter: true) }
        try await world.write(.upsert, 1)
        try await world.write(.upsert, 2)
        try await world.write(.delete, 2)
        try await world.expectRows()
        let settled = try await world.replay(world.openTokens)
        #expect(
          settled == [
            3: .superseded, 4: .superseded, 5: .applied, 6: .applied, 7: .applied,
            8: .noOperation,
          ])
        try await world.expectRows()
        try await world.expectAccounts()
      }
      try await mesh.expectClean()
    }
  }

  /// The deletion is in no file: only the catalog knows of it, also when nothing was there.
  @Test(arguments: MeshStore.Kind.allCases)
  func aDeletedKeyIsNotBroughtBack(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      try await running(mesh.coordinator()) { _ in
        let world = try await LetterWorld(mesh)
        // The letter and the delete in one batch, and a delete of what is not there.
        try await world.write([
          .init(operation: .upsert, key: 1, isLetter: true),
          .init(operation: .upsert, key: 1), .init(operation: .delete, key: 1),
          .init(operation: .upsert, key: 2, isLetter: true),
          .init(operation: .upsert, key: 3, isLetter: true),
        ])
        try await world.write(.delete, 2)
        try await world.write(.upsert, 3)
        try await world.replay([4])
        // A replayed delete is remembered as well, for the letters before it.
        try await world.write(.upsert, 4, isLetter: true)
        try await world.write(.delete, 4, isLetter: true)
        try await world.replay([9])
        for token in [1, 5, 8] as [Int64] { try await world.replay([token]) }
        try await world.expectRows()
        try await world.expectAccounts()
      }
      try await mesh.expectClean()
    }
  }

  struct Run: Sendable, CustomTestStringConvertible {
    let kind: MeshStore.Kind
    let seed: UInt64
    var testDescription: String { "\(kind.testDescription), seed \(seed)" }

    static let all = [
      Run(kind: .sqlite, seed: 1), Run(kind: .sqlite, seed: 2), Run(kind: .postgreSQL, seed: 3),
    ]
  }

  @Test(arguments: Run.all)
  func anyOrderOfWritesReplaysAndMergesGivesTheLastEventOfEachKey(run: Run) async throws {
    try await withMesh(over: run.kind) { mesh in
      var random = SeededGenerator(seed: run.seed)
      var limits = Limits.Maintenance()
      limits.mergeFanIn = 2
      let maintenance = mesh.maintenance(limits)
      let coordinator = mesh.coordinator()
      let seeds = (0..<40).map { _ in random.next() }
      try await running(coordinator) { _ in
        let world = try await LetterWorld(mesh)
        for seed in seeds {
          var random = SeededGenerator(seed: seed)
          let open = world.openTokens
          switch random.below(10) {
          case 0..<5:
            try await world.write(
              (0..<1 + random.below(5)).map { _ in
                .init(
                  operation: random.chance(60) ? .upsert : .delete, key: random.below(5),
                  isLetter: random.chance(40))
              })
          case 5..<8:
            let chosen = open.filter { _ in random.chance(50) }
            if !chosen.isEmpty { try await world.replay(chosen) }
          case 8:
            if let token = open.randomElement(using: &random) { try await world.discard(token) }
          default: _ = try await maintenance.compactNow()
          }
          try await world.expectRows()
          try await world.expectAccounts()
        }
        try await world.replay(world.openTokens)
        try await world.expectRows()
        try await world.expectAccounts()
        // No letter is left that could bring a key back.
        #expect(
          try await mesh.catalog.hasOpenLetters(table: world.table.id) == false)
      }
      try await mesh.expectClean()
    }
  }

  @Test(arguments: [false, true])
  func aReplayWhoseOutcomeIsUnknownHappensOnce(wasApplied: Bool) async throws {
    try await withMesh { mesh in
      let cut = FailingTimes(1)
      try await running(mesh.coordinator()) { _ in
        let world = try await LetterWorld(mesh)
        try await world.write(.upsert, 1, isLetter: true)
        mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
          guard cut.isFailing else { return try await perform(commit) }
          if wasApplied { _ = try await perform(commit) }
          throw .outcomeUnknown(reason: "the answer was lost")
        }
        try await world.replay([1])
        try await world.expectRows()
        try await world.expectAccounts()
      }
      try await mesh.store.delete(try await mesh.orphans())
      try await mesh.expectClean()
    }
  }

  @Test func aFailureOfTheEnvironmentLeavesTheRequestStanding() async throws {
    try await withMesh { mesh in
      let failing = FailingTimes(3)
      try await running(mesh.coordinator()) { _ in
        let world = try await LetterWorld(mesh)
        try await world.write(.upsert, 1, isLetter: true)
        mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
          guard failing.isFailing else { return try await perform(commit) }
          throw .unavailable(reason: "for a test")
        }
        #expect(try await world.replay([1]) == [1: .applied])
        try await world.expectRows()
      }
      try await mesh.expectClean()
    }
  }

  /// The one that is asked has the tenant's lease, or the other has it, or neither: a lease on an
  /// idle tenant is given back.
  @Test(arguments: MeshStore.Kind.allCases)
  func aRequestIsCarriedOutOnceWhicheverCoordinatorIsAsked(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      try await running(mesh.coordinator()) { _ in
        let world = try await LetterWorld(mesh)
        try await world.write(.upsert, 1, isLetter: true)
        try await world.write(.upsert, 2, isLetter: true)
        try await running(mesh.coordinator()) { other in
          other.replaysWanted(tenant: world.table.tenant)
          try await world.replay([1])
        }
        try await world.replay([2])
        try await world.expectRows()
        try await world.expectAccounts()
      }
      try await mesh.expectClean()
    }
  }

  @Test func aLetterOfADroppedTableStaysOne() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await running(mesh.coordinator()) { _ in
        let tokens = try await mesh.publish(table, [row(1)], rejections: [0: "for a test"])
        try await mesh.wait(table, tokens[0])
        _ = try await mesh.catalog.dropTable(named: table.name, tenant: table.tenant)
        let id = try #require(try await mesh.deadLetters(of: table).first?.id)
        _ = try await mesh.catalog.requestReplays(
          [ReplayRequest(letter: id, payload: nil, schemaVersion: 1)], tenant: table.tenant)
        mesh.hub.demandReplays(of: table.tenant)
        try await eventually { try await mesh.deadLetters(of: table).first?.isWanted == false }
        #expect(try await mesh.deadLetters(of: table).map(\.reason) == ["TABLE_DROPPED"])
        #expect(try await mesh.account(of: table).counts == LedgerCounts(deadLettered: 1))
      }
      try await mesh.expectClean()
    }
  }
}

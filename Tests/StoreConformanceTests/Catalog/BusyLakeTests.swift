import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Slow work on a lake in which others commit all the time: it is validated against what it read,
/// so what others did meanwhile is no reason to begin anew.
@Suite struct BusyLakeTests {
  /// As many as a busy lake has in the second that a large merge takes.
  private static let commitsOfOthers = 200
  private static let others = 4

  @Test(arguments: StoreBackends.all)
  func aMergeAndAKeyedCommitOnWhatTheyReadTwoHundredCommitsAgoAreDoneAtOnce(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let plain = try await lab.makeTable(of: "acme")
      for part in 0..<3 {
        try await lab.publishRows(plain, 2, prefix: "\(part)")
        try await lab.commitAll([plain.tenant])
      }
      let inputs = try await lab.catalog.liveFiles(of: plain.id).map(\.file)
      let keyed = try await lab.makeKeyedTable(of: "globex")
      let owner = OwnerID("keyed")
      try await lab.publish(keyed, payloads: ["put k1", "put k2"])
      _ = try await lab.catalog.commit(
        lab.materialiseKeyed(try await lab.claim(owner, [keyed.tenant]), owner: owner))
      try await lab.publish(keyed, payloads: ["put k1", "del k2", "put k3"])
      let upserts = try await lab.materialiseKeyed(
        try await lab.claim(owner, [keyed.tenant]), owner: owner)

      let before = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).count
      try await lab.commitAsOthers(Self.others, each: Self.commitsOfOthers / Self.others)
      let after = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).count
      #expect(after - before >= Self.commitsOfOthers)

      let merged = try await lab.merge(plain, inputs: inputs, owner: OwnerID("merger"))
      let changed = try await lab.catalog.commit(upserts)
      #expect(merged.snapshot < changed.snapshot)
      #expect(try await lab.catalog.liveFiles(of: plain.id).count == 1)
      try await lab.expectAllVisible(plain)
      // Of k1 the second event, of k3 its only one.
      #expect(
        try await lab.visibleTokens(keyed.tenant, at: changed.snapshot) == [3, 5])
      try await lab.expectDenseHistory()
    }
  }
}

extension Lab {
  /// Commits of tenants of their own, by as many coordinators at the same time.
  fileprivate func commitAsOthers(_ count: Int, each commits: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        group.addTask {
          let table = try await self.makeTable(of: "other-\(number)")
          for round in 0..<commits {
            try await self.publishRows(table, 1, prefix: "\(round)")
            try await self.commitAll([table.tenant], owner: OwnerID("other-\(number)"))
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

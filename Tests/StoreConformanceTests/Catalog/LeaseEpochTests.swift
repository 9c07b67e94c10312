import Catalog
import IngestBus
import Model
import Testing

@Suite struct LeaseEpochTests {
  private let owner = OwnerID("owner")

  @Test(arguments: StoreBackends.all)
  func epochsOfLiveLeasesStandAndThoseOfExpiredOnesRise(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let tenant = try await lab.makeTenant("acme")
      try await lab.publishRows(table, 1)
      let claim = try #require(try await lab.claim(owner, [table.tenant]).first)
      let tableEpoch = try #require(
        try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
      let live = LeaseEpochs(
        tenants: [tenant.folder: claim.epoch], tables: [table.folder: tableEpoch])
      #expect(try await lab.catalog.leaseEpochs() == live)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let raised = LeaseEpochs(
        tenants: [tenant.folder: claim.epoch.next], tables: [table.folder: tableEpoch.next])
      #expect(try await lab.catalog.leaseEpochs() == raised)
      #expect(try await lab.catalog.leaseEpochs() == raised)
      // Whoever wrote under the old epoch cannot name its files any more.
      let late = try lab.materialise([claim], owner: owner)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(late)
      }
    }
  }
}

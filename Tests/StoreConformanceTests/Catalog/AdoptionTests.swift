import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// What a restored catalog is after its adoption.
@Suite struct AdoptionTests {
  private static let jump = LakeGeneration.stride

  @Test(arguments: StoreBackends.all)
  func aCatalogSaysWhichItIsAndHowFarItHasCome(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let new = try await lab.identity.state()
      #expect(new.isNew && new.identity.generation == 1)
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable(of: "beta")
      let made = try await lab.identity.state()
      #expect(!made.isNew && made.identity == new.identity)
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b"))
      _ = try await lab.publish(other, TestEvent("a"))
      let published = try await lab.identity.state()
      #expect(published.mark == LakeMark(snapshot: made.mark.snapshot, issued: 3))
      let receipt = try await lab.commitAll([table.tenant])
      #expect(
        try await lab.identity.state().mark == LakeMark(snapshot: receipt.snapshot, issued: 3))
    }
  }

  @Test(arguments: StoreBackends.all)
  func whereNothingWasPendingTheWatermarkGoesWithTheHead(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      let before = try await lab.commitAll([table.tenant])
      let found = try await lab.identity.state()
      let adoption = try #require(try await lab.identity.adopt(from: 1, to: 2))
      #expect(adoption.restored == before.snapshot)
      #expect(adoption.opened.rawValue == before.snapshot.rawValue + Self.jump)
      #expect(adoption.pending == 0 && adoption.tenants == 1)
      #expect(adoption.identity.lake == found.identity.lake && adoption.identity.generation == 2)
      try await lab.expectSound()

      let progress = try await lab.catalog.progress(tenant: table.tenant)
      #expect(progress.head == VisibilityToken(3 + Self.jump))
      #expect(progress.watermark == progress.head && progress.latest.watermark == progress.head)
      #expect(progress.latest.id == adoption.opened)
      #expect(progress.accepted == 3 && progress.pending == 0)
      for (token, isVoid) in [(3, false), (4, true), (3 + Self.jump, true), (4 + Self.jump, false)]
      {
        #expect(progress.voids.contains(VisibilityToken(token)) == isVoid, "\(token)")
      }
      #expect(try await lab.bus.backlog().isEmpty)
      #expect(try await lab.visibleTokens(table.tenant, at: adoption.opened) == [1, 2, 3])

      // A key of the life before keeps its token; a new one gets one that was never there.
      let again = try await lab.publish(table, TestEvent("key-1"))
      #expect(again.tokens == [2] && again.duplicates == [0])
      #expect(try await lab.publish(table, TestEvent("x")).tokens == [4 + Self.jump])
      let receipt = try await lab.commitAll([table.tenant])
      #expect(receipt.snapshot.rawValue == adoption.opened.rawValue + 1)
      #expect(receipt.time > before.time)
      #expect(
        try await lab.visibleTokens(table.tenant, at: receipt.snapshot)
          == [1, 2, 3, 4 + Self.jump])
      #expect(try await lab.visibleTokens(table.tenant, at: before.snapshot) == [1, 2, 3])
      try await lab.expectSound()
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatWasPendingKeepsItsTokensAndTheWatermarkStepsOverWhatIsVoid(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let owner = OwnerID("owner")
      try await lab.publishRows(table, 2)
      try await lab.commitAll([table.tenant])
      try await lab.publishRows(table, 3, prefix: "pending")
      let adoption = try #require(try await lab.identity.adopt(from: 1, to: 2))
      #expect(adoption.pending == 3)
      try await lab.publishRows(table, 2, prefix: "new")
      try await lab.expectSound()

      let backlog = try #require(try await lab.bus.backlog().first)
      #expect(backlog.watermark == VisibilityToken(2))
      #expect(backlog.head == VisibilityToken(7 + Self.jump))
      #expect(backlog.voids.count(after: backlog.watermark, through: backlog.head) == Self.jump)
      let first = try #require(try await lab.claim(owner, [table.tenant]).first)
      #expect(try first.events().map(\.token) == [3, 4, 5])
      #expect(first.to == VisibilityToken(5 + Self.jump) && first.fence.voided == Self.jump)
      let receipt = try await lab.catalog.commit(try lab.materialise([first], owner: owner))
      try await lab.expectSound()
      let progress = try await lab.catalog.progress(tenant: table.tenant)
      #expect(progress.watermark == first.to && progress.latest.watermark == first.to)
      #expect(progress.accepted == 7 && progress.pending == 2)
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == [1, 2, 3, 4, 5])

      try await lab.bus.acknowledge([(table.tenant, first.to)])
      let second = try #require(try await lab.claim(owner, [table.tenant]).first)
      #expect(try second.events().map(\.token) == [6 + Self.jump, 7 + Self.jump])
      #expect(second.from == first.to && second.fence.voided == 0)
      _ = try await lab.catalog.commit(try lab.materialise([second], owner: owner))
      try await lab.expectSound()
    }
  }

  @Test(arguments: StoreBackends.all)
  func aClaimThatEndsShortOfTheVoidTokensDoesNotStepOverThem(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      _ = try #require(try await lab.identity.adopt(from: 1, to: 2))
      for expected in [Int64(1), 2, 3 + Self.jump] {
        let claim = try #require(
          try await lab.claim(OwnerID("o"), [table.tenant], limit: ClaimLimit(records: 1)).first)
        #expect(claim.to == VisibilityToken(expected))
        _ = try await lab.catalog.commit(try lab.materialise([claim], owner: OwnerID("o")))
        try await lab.expectSound()
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func whoeverHeldALeaseBeforeCommitsNothingAnyMore(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let owner = OwnerID("owner")
      try await lab.publishRows(table, 2)
      let claims = try await lab.claim(owner, [table.tenant])
      let commit = try lab.materialise(claims, owner: owner)
      let lease = try #require(
        try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
      _ = try #require(try await lab.identity.adopt(from: 1, to: 2))
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(commit)
      }
      #expect(
        try await lab.bus.extendLease(
          owner: owner, claims: [(table.tenant, claims[0].epoch)], leaseMs: leaseMs) == [])
      let after = try #require(
        try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
      #expect(after.rawValue > lease.rawValue + LakeGeneration.epochStride / 2)
      let epochs = try await lab.catalog.leaseEpochs()
      #expect(epochs.adoptedAt == lab.clock.wall)
      try await lab.commitAll([table.tenant])
      try await lab.expectSound()
    }
  }

  @Test(arguments: StoreBackends.all)
  func anAdoptionIsMadeOnceAndALaterOneGoesOnFromIt(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      _ = try #require(try await lab.identity.adopt(from: 1, to: 2))
      let state = try await lab.identity.state()
      #expect(try await lab.identity.adopt(from: 1, to: 2) == nil)
      #expect(try await lab.identity.state() == state)
      // Over a copy that two generations have followed, and with the same events still pending.
      let second = try #require(try await lab.identity.adopt(from: 2, to: 4))
      #expect(second.pending == 2 && second.identity.generation == 4)
      try await lab.expectSound()
      let claim = try #require(try await lab.claim(OwnerID("committer"), [table.tenant]).first)
      #expect(claim.to == VisibilityToken(2 + 3 * Self.jump))
      _ = try await lab.catalog.commit(try lab.materialise([claim], owner: OwnerID("committer")))
      #expect(try await lab.publish(table, TestEvent("x")).tokens == [3 + 3 * Self.jump])
      try await lab.commitAll([table.tenant])
      _ = try #require(try await lab.identity.adopt(from: 4, to: 5))
      #expect(try await lab.publish(table, TestEvent("y")).tokens == [4 + 4 * Self.jump])
      try await lab.commitAll([table.tenant])
      try await lab.expectSound()
    }
  }

  @Test(arguments: StoreBackends.all)
  func tablesTenantsAndDeadLettersOfALostLifeLendTheirNumbersToNobody(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let old = try await lab.makeTable(of: "acme")
      _ = try #require(try await lab.identity.adopt(from: 1, to: 2))
      let table = try await lab.makeTable("later", try await lab.makeTenant("acme"))
      #expect(table.id.rawValue > Self.jump)
      let lost = try await lab.catalog.leaseEpochs().lostNumbers
      #expect(lost.count == 1 && lost[0].contains(old.id.rawValue + 1))
      #expect(!lost[0].contains(old.id.rawValue) && !lost[0].contains(table.id.rawValue))

      let tenant = try await lab.makeTenant("beta")
      let events = try await lab.makeTable("events", tenant)
      let floor = LakeGeneration.floor(of: 2).rawValue
      let published = try await lab.publish(events, TestEvent("a"), TestEvent("b", "bad"))
      #expect(published.tokens == [floor + 1, floor + 2])
      let progress = try await lab.catalog.progress(tenant: tenant.id)
      #expect(progress.voids.contains(VisibilityToken(1)) && progress.accepted == 2)
      #expect(progress.watermark == VisibilityToken(floor) && progress.pending == 2)
      try await lab.commitAll([tenant.id])
      try await lab.expectSound()
      let letters = try await lab.catalog.deadLetters(
        tenant: tenant.id, tokens: nil, after: nil, limit: 9)
      #expect(letters.count == 1 && letters[0].id > Self.jump)
    }
  }

  @Test(
    arguments: StoreBackends.all,
    [
      "UPDATE duckmesh_void SET last_token = last_token - 1",
      "UPDATE duckmesh_void SET first_token = first_token - 1",
      "UPDATE duckmesh_void SET first_token = first_token + 1",
      "DELETE FROM duckmesh_void",
      "UPDATE duckmesh_consumer SET watermark = watermark - 1",
    ])
  func theIntegrityRunNoticesVoidTokensThatAreNotWhatTheySay(
    _ kind: StoreKind, _ damage: String
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      try await lab.commitAll([table.tenant])
      _ = try #require(try await lab.identity.adopt(from: 1, to: 2))
      try await lab.expectSound()
      try await lab.backend.damage(damage)
      #expect(try await lab.catalog.violations().isEmpty == false)
    }
  }

  @Test(arguments: StoreBackends.shared)
  func publishersAndCommitsBesideAnAdoptionAreBeforeItOrAfterIt(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.inAnotherProcess()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<3 {
          group.addTask {
            for index in 0..<30 {
              let outcome = try await other.publish(table, TestEvent("\(writer)-\(index)"))
              #expect(outcome.tokens?.count == 1)
            }
          }
        }
        group.addTask {
          for _ in 0..<30 {
            let owner = OwnerID("owner")
            let claims = try await lab.claim(owner, [table.tenant])
            guard !claims.isEmpty else { continue }
            do {
              _ = try await lab.catalog.commit(try lab.materialise(claims, owner: owner))
            } catch CommitError.fenced {
              continue
            }
          }
        }
        group.addTask {
          for generation in Int64(1)...4 {
            _ = try #require(
              try await lab.identity.adopt(from: generation, to: generation + 1))
          }
        }
        try await group.waitForAll()
      }
      try await lab.expectSound()
      while !(try await lab.bus.backlog().isEmpty) {
        try await lab.commitAll([table.tenant], owner: OwnerID("owner"))
      }
      try await lab.expectSound()
      let progress = try await lab.catalog.progress(tenant: table.tenant)
      #expect(progress.accepted == 90 && progress.pending == 0)
    }
  }
}

extension Lab {
  var identity: any IdentityCatalog {
    get throws { try #require(catalog as? any IdentityCatalog) }
  }

  /// The catalog breaks none of its rules, and every acknowledged event is accounted for.
  func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let violations = try await catalog.violations()
    #expect(violations.isEmpty, "\(violations)", sourceLocation: sourceLocation)
    for account in try await catalog.accounts() {
      #expect(account.isBalanced, "\(account)", sourceLocation: sourceLocation)
    }
  }
}

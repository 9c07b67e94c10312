import Catalog
import IngestBus
import Model
import Testing

@Suite struct SnapshotTests {
  @Test(arguments: StoreBackends.all)
  func aTenantSeesOnlyItsOwnSnapshots(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let mine = try await lab.makeTable(of: "acme")
      let theirs = try await lab.makeTable(of: "globex")
      try await lab.publishRows(mine, 1)
      let own = try await lab.commitAll([mine.tenant])
      try await lab.publishRows(theirs, 1)
      let foreign = try await lab.commitAll([theirs.tenant])
      let list = try await lab.catalog.snapshots(tenant: mine.tenant, before: nil, limit: 10)
      #expect(list.first?.id == own.snapshot)
      #expect(list.allSatisfy { $0.id != foreign.snapshot })
      #expect(list.map(\.watermark.rawValue) == [1, 0, 0])
      #expect(list.map(\.parent) == [list[1].id, list[2].id, nil])
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.snapshot(foreign.snapshot, tenant: mine.tenant)
      }
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.snapshot(SnapshotID(999), tenant: mine.tenant)
      }
      #expect(
        try await lab.catalog.snapshot(own.snapshot, tenant: mine.tenant) == list.first)
    }
  }

  @Test(arguments: StoreBackends.all)
  func anInstantNamesTheNewestSnapshotAtOrBeforeIt(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let mine = try await lab.makeTable(of: "acme")
      let theirs = try await lab.makeTable(of: "globex")
      var receipts: [CommitReceipt] = []
      for index in 0..<3 {
        lab.clock.advanceWall(milliseconds: 1_000)
        try await lab.publishRows(mine, 1, prefix: "\(index)")
        receipts.append(try await lab.commitAll([mine.tenant]))
        lab.clock.advanceWall(milliseconds: 1_000)
        try await lab.publishRows(theirs, 1, prefix: "\(index)")
        try await lab.commitAll([theirs.tenant])
      }
      for (index, receipt) in receipts.enumerated() {
        for offset in [Int64(0), 1, 1_500_000] {
          let time = Timestamp(microseconds: receipt.time.microseconds + offset)
          #expect(
            try await lab.catalog.snapshot(at: time, tenant: mine.tenant).id == receipt.snapshot)
        }
        let before = Timestamp(microseconds: receipt.time.microseconds - 1)
        let earlier = try await lab.catalog.snapshot(at: before, tenant: mine.tenant)
        #expect(earlier.watermark == VisibilityToken(Int64(index)))
      }
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.snapshot(
          at: Timestamp(microseconds: 1_000_000), tenant: mine.tenant)
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func aPollerIsToldTheNewestWatermarkOfEveryTenantThatWentOn(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let mine = try await lab.makeTable(of: "acme")
      let theirs = try await lab.makeTable(of: "globex")
      let made = try await lab.catalog.watermarks(after: SnapshotID(0))
      #expect(made.map(\.tenant) == [mine.tenant, theirs.tenant])
      #expect(made.allSatisfy { $0.watermark == .none })
      let last = try #require(made.map(\.snapshot).max())
      #expect(try await lab.catalog.watermarks(after: last).isEmpty)

      try await lab.publishRows(mine, 2, prefix: "first")
      try await lab.commitAll([mine.tenant])
      try await lab.publishRows(mine, 1, prefix: "second")
      let newest = try await lab.commitAll([mine.tenant]).snapshot
      let moved = TenantWatermark(
        tenant: mine.tenant, watermark: VisibilityToken(3), snapshot: newest)
      #expect(try await lab.catalog.watermarks(after: last) == [moved])
      #expect(try await lab.catalog.watermarks(after: newest).isEmpty)

      try await lab.publishRows(theirs, 1)
      let both = try await lab.commitAll([theirs.tenant]).snapshot
      #expect(
        try await lab.catalog.watermarks(after: last) == [
          moved,
          TenantWatermark(tenant: theirs.tenant, watermark: VisibilityToken(1), snapshot: both),
        ])
      // Expiry hands rows on to later snapshots, but takes no tenant's newest.
      let all = try await lab.catalog.snapshotStubs(after: nil, limit: 100).map(\.id)
      _ = try await lab.catalog.expireSnapshots(all)
      #expect(try await lab.catalog.watermarks(after: newest).map(\.snapshot) == [both])
      #expect(try await lab.catalog.watermarks(after: SnapshotID(0)).count == 2)
    }
  }

  @Test(arguments: StoreBackends.all)
  func snapshotsAreListedNewestFirstByPage(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for index in 0..<5 {
        try await lab.publishRows(table, 1, prefix: "\(index)")
        try await lab.commitAll([table.tenant])
      }
      let all = try await lab.catalog.snapshots(tenant: table.tenant, before: nil, limit: 100)
      #expect(all.count == 7)
      #expect(all.map(\.id) == all.map(\.id).sorted(by: >))
      var pages: [SnapshotRecord] = []
      while true {
        let page = try await lab.catalog.snapshots(
          tenant: table.tenant, before: pages.last?.id, limit: 3)
        if page.isEmpty { break }
        pages += page
      }
      #expect(pages == all)
    }
  }

  @Test(arguments: StoreBackends.all)
  func contentsCountRowsFilesAndBytesAtEachSnapshot(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable("Other", try await lab.makeTenant("acme"))
      try await lab.publishRows(table, 2)
      let first = try await lab.commitAll([table.tenant])
      _ = try await lab.publish([
        Draft(table, [TestEvent("x", "bad")]), Draft(other, [TestEvent("a"), TestEvent("b")]),
      ])
      let second = try await lab.commitAll([table.tenant])
      let contents = try await lab.catalog.contents(
        of: [second.snapshot, first.snapshot], tenant: table.tenant)
      #expect(
        contents[first.snapshot] == [
          TableContent(
            name: "events", watermark: VisibilityToken(2), files: 1, rows: 2, bytes: 100),
          TableContent(name: "Other", watermark: .none, files: 0, rows: 0, bytes: 0),
        ])
      #expect(
        contents[second.snapshot] == [
          TableContent(
            name: "events", watermark: VisibilityToken(5), files: 1, rows: 2, bytes: 100),
          TableContent(name: "Other", watermark: VisibilityToken(5), files: 1, rows: 2, bytes: 100),
        ])
    }
  }

  @Test(arguments: StoreBackends.all)
  func manifestsNameTheFilesOfTheAskedTablesOnly(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let tables = [try await lab.makeTable("One", tenant), try await lab.makeTable("two", tenant)]
      _ = try await lab.makeTable(of: "globex")
      for table in tables { try await lab.publishRows(table, 1) }
      let receipt = try await lab.commitAll([tenant.id])
      let one = try await lab.catalog.manifests(
        tenant: tenant.id, names: ["ONE", "events", "nothing"], at: receipt.snapshot)
      #expect(one.map(\.table) == [tables[0]])
      let file = try #require(one.first?.files.first)
      #expect(file.path.hasPrefix(tables[0].folder))
      #expect(file.recordCount == 1)
      #expect(file.rowIDStart == 0)
      #expect(file.begin == receipt.snapshot)
      let all = try await lab.catalog.manifests(
        tenant: tenant.id, names: nil, at: receipt.snapshot)
      #expect(all.map(\.table.name) == ["One", "two"])
      #expect(all.allSatisfy { $0.files.isEmpty })
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.manifests(tenant: tenant.id, names: nil, at: SnapshotID(999))
      }
    }
  }

  /// As the DuckLake extension's COMMENT ON writes them: a new row, and an end to the one before.
  @Test(arguments: StoreBackends.all)
  func commentsAreThoseOfTheSnapshotAndTheTenant(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable(of: "globex")
      try await lab.publishRows(table, 1)
      let first = try await lab.commitAll([table.tenant]).snapshot
      let second = SnapshotID(first.rawValue + 1)
      for row in [
        "\(table.id.rawValue), \(first.rawValue), \(second.rawValue), 'comment', 'old'",
        "\(table.id.rawValue), \(second.rawValue), NULL, 'comment', 'new'",
        "\(table.id.rawValue), \(first.rawValue), NULL, 'colour', 'red'",
        "\(other.id.rawValue), \(first.rawValue), NULL, 'comment', 'theirs'",
      ] {
        try await lab.backend.damage("INSERT INTO ducklake_tag VALUES (\(row))")
      }
      try await lab.backend.damage(
        "INSERT INTO ducklake_column_tag VALUES (\(table.id.rawValue), 1, \(first.rawValue), "
          + "\(second.rawValue), 'comment', 'a column''s')")
      let then = try await lab.catalog.comments(tenant: table.tenant, at: first)
      #expect(
        then
          == LakeComments(tables: [table.id: "old"], columns: [table.id: [1: "a column's"]]))
      let now = try await lab.catalog.comments(tenant: table.tenant, at: second)
      #expect(now == LakeComments(tables: [table.id: "new"]))
    }
  }

  @Test(arguments: StoreBackends.all)
  func progressTellsHeadWatermarkAndOldestPending(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      let receipt = try await lab.commitAll([table.tenant])
      let idle = try await lab.catalog.progress(tenant: table.tenant)
      #expect(idle.latest.id == receipt.snapshot)
      #expect(idle.oldestPendingAt == nil)
      lab.clock.advanceWall(milliseconds: 5)
      let since = lab.clock.wall
      try await lab.publishRows(table, 1, prefix: "more")
      let busy = try await lab.catalog.progress(tenant: table.tenant)
      #expect(busy.head == VisibilityToken(3))
      #expect(busy.watermark == VisibilityToken(2))
      #expect(busy.oldestPendingAt == since)
    }
  }
}

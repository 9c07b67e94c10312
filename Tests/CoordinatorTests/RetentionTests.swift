import Catalog
import Consistency
import Coordinator
import DuckDB
import Foundation
import IngestBus
import Maintenance
import Model
import ObjectStore
import Runtime
import Testing

/// Which snapshots go, and when which file is deleted.
@Suite struct RetentionPlanTests {
  private static let now: Int64 = 1_790_000_000
  private let plan = RetentionPlan(
    keepAllSeconds: 3_600, keepMinutelySeconds: 86_400, keepHourlySeconds: 30 * 86_400)

  /// The ages in seconds of what stays, oldest first, of snapshots at the given ages.
  private func kept(_ ages: [Int64]) -> [Int64] {
    let stubs = ages.sorted(by: >).enumerated().map {
      SnapshotStub(
        id: SnapshotID(Int64($0.offset)),
        time: Timestamp(microseconds: (Self.now - $0.element) * 1_000_000))
    }
    let gone = Set(plan.expired(stubs, now: Timestamp(microseconds: Self.now * 1_000_000)))
    return zip(stubs, ages.sorted(by: >)).filter { !gone.contains($0.0.id) }.map(\.1)
  }

  @Test func allOfTheLastHourStay() {
    let ages = Array(stride(from: Int64(0), through: 3_600, by: 7))
    #expect(kept(ages).count == ages.count)
  }

  @Test func theLastOfEachMinuteStaysForADay() {
    // 2:00:00 to 2:04:59 ago, one a second; `now` is a multiple of 20 seconds into a minute.
    let ages = Array(Int64(7_200)..<7_500)
    let minutes = Set(ages.map { (Self.now - $0) / 60 })
    let left = kept(ages)
    #expect(left.count == minutes.count)
    for minute in minutes {
      // The newest of the minute is the one that shows what the whole minute showed.
      let newest = ages.filter { (Self.now - $0) / 60 == minute }.min()
      #expect(left.contains(newest ?? -1))
    }
  }

  @Test func theLastOfEachHourStaysForAMonth() {
    let ages = Array(stride(from: Int64(3 * 86_400), to: 3 * 86_400 + 36_000, by: 60))
    let hours = Set(ages.map { (Self.now - $0) / 3_600 })
    #expect(kept(ages).count == hours.count)
  }

  @Test func olderOnesGoAndTheNewestOfAllStays() {
    let month = Int64(30 * 86_400)
    #expect(kept([month + 1, month + 7_200, month + 90_000]) == [month + 1])
    #expect(kept([month + 1, 5]) == [5])
    #expect(kept([]).isEmpty)
  }

  @Test func whatStaysOnceStaysUntilItsClassIsOver() {
    // Looking at the plan again and again, as time goes by, never takes more than looking once.
    var ages = Array(stride(from: Int64(0), to: 40_000, by: 13))
    for _ in 0..<20 {
      let left = kept(ages)
      #expect(kept(left) == left)
      ages = left.map { $0 + 1_800 }
    }
  }
}

@Suite struct CollectionTests {
  /// One write and what maintenance makes of it, with every clock moved by hand.
  private struct Hands {
    let catalog = TestClock()
    let monotonic = ManualClock()
    let wall: ManualWallClock

    init() { wall = ManualWallClock(microseconds: catalog.wall.microseconds) }

    func advance(seconds: Int) {
      catalog.advanceWall(milliseconds: seconds * 1_000)
      catalog.advanceLease(milliseconds: seconds * 1_000)
      monotonic.advance(by: .seconds(seconds))
      wall.set(microseconds: catalog.wall.microseconds)
    }
  }

  private static let limits: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    limits.deletionGraceSeconds = 600
    return limits
  }()

  private static let windowLimits: Limits.Maintenance = {
    var limits = CollectionTests.limits
    limits.backupWindowSeconds = 7_200
    return limits
  }()

  private func write(_ mesh: Mesh, _ table: TableRecord, _ ids: Range<Int>) async throws {
    for id in ids {
      try await running(mesh.coordinator()) { coordinator in
        try await mesh.wait(
          table, try await mesh.publishRows(table, id..<id + 1, telling: coordinator))
      }
    }
  }

  @Test func replacedFilesGoOnlyAfterTheGrace() async throws {
    let hands = Hands()
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      try await write(mesh, table, 0..<6)
      let maintenance = mesh.maintenance(
        Self.limits, monotonic: hands.monotonic, wall: hands.wall)
      #expect(try await maintenance.compactNow().filesMerged == 6)
      #expect(try await mesh.objects().count == 7)
      hands.advance(seconds: 599)
      #expect(try await maintenance.retainNow().filesDeleted == 0)
      #expect(try await mesh.objects().count == 7)
      hands.advance(seconds: 2)
      #expect(try await maintenance.retainNow().filesDeleted == 6)
      #expect(try await mesh.objects().count == 1)
      #expect(try await mesh.rows(of: table) == (0..<6).map(row))
      try await mesh.expectClean()
    }
  }

  @Test func aTimeOfDaySetForwardDeletesNothingEarly() async throws {
    let hands = Hands()
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      try await write(mesh, table, 0..<6)
      let maintenance = mesh.maintenance(
        Self.limits, monotonic: hands.monotonic, wall: hands.wall)
      _ = try await maintenance.compactNow()
      hands.wall.set(microseconds: hands.catalog.wall.microseconds + 86_400_000_000)
      #expect(try await maintenance.retainNow().filesDeleted == 0)
      #expect(try await mesh.objects().count == 7)
    }
  }

  @Test func aDroppedTablesFilesGoWithTheLastSnapshotThatShowsThem() async throws {
    let hands = Hands()
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable("doomed")
      let other = try await mesh.makeTable("other")
      try await write(mesh, table, 0..<2)
      let shown = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
      _ = try await mesh.catalog.dropTable(named: "doomed", tenant: table.tenant)
      let maintenance = mesh.maintenance(
        Self.limits, monotonic: hands.monotonic, wall: hands.wall)
      hands.advance(seconds: 3_000)
      _ = try await maintenance.retainNow()
      #expect(try await mesh.rows(of: table, at: shown) == [row(0), row(1)])
      hands.advance(seconds: 40 * 86_400)
      try await write(mesh, other, 0..<1)
      #expect(try await maintenance.retainNow().snapshotsExpired > 0)
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await mesh.rows(of: table, at: shown)
      }
      #expect(try await mesh.objects().count == 3, "scheduled, not deleted yet")
      hands.advance(seconds: 601)
      #expect(try await maintenance.retainNow().filesDeleted == 2)
      #expect(try await mesh.rows(of: other) == [row(0)])
      try await mesh.expectClean()
    }
  }

  @Test func aFileWithoutACommitGoesOnceItsWritersLeaseIsOver() async throws {
    let hands = Hands()
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      try await write(mesh, table, 0..<2)
      let owner = OwnerID.random()
      try await mesh.publish(table, [row(2)])
      hands.advance(seconds: 10)
      let claim = try #require(
        try await mesh.bus.claimBatch(
          owner: owner, tenants: [table.tenant], limit: ClaimLimit(), leaseMs: 3_000
        ).first)
      let orphan = try await mesh.putFile(of: table, epoch: claim.epoch, rows: 1)
      let maintenance = mesh.maintenance(
        Self.limits, monotonic: hands.monotonic, wall: hands.wall)
      #expect(try await maintenance.retainNow().orphansDeleted == 0, "the lease is live")
      #expect(try await mesh.orphans() == [orphan])
      hands.advance(seconds: 4)
      #expect(try await maintenance.retainNow().orphansDeleted == 1)
      #expect(try await mesh.orphans().isEmpty)
      #expect(try await mesh.rows(of: table) == [row(0), row(1)])
    }
  }

  @Test func whatABackupMayNameStaysAsLongAsTheBackupMayBeRestored() async throws {
    let hands = Hands()
    let limits = Self.windowLimits
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      try await write(mesh, table, 0..<6)
      let maintenance = mesh.maintenance(limits, monotonic: hands.monotonic, wall: hands.wall)
      #expect(try await maintenance.compactNow().filesMerged == 6)
      hands.advance(seconds: 7_199)
      #expect(try await maintenance.retainNow().filesDeleted == 0)
      #expect(try await mesh.objects().count == 7)
      hands.advance(seconds: 2)
      #expect(try await maintenance.retainNow().filesDeleted == 6)
      #expect(try await mesh.rows(of: table) == (0..<6).map(row))
    }
  }

  @Test func whatNoCommitNamesStaysForTheWindowTooByTheTimeOfTheFile() async throws {
    let hands = Hands()
    let limits = Self.windowLimits
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      let orphan = try await mesh.putFile(of: table, epoch: LeaseEpoch(0), rows: 1)
      try await write(mesh, table, 0..<1)
      let maintenance = mesh.maintenance(limits, monotonic: hands.monotonic, wall: hands.wall)
      let written = try #require(
        try await mesh.store.list(prefix: orphan, after: nil, limit: 1).first?.modifiedAt)
      let age = (written.microseconds - hands.catalog.wall.microseconds) / 1_000_000
      hands.advance(seconds: Int(age) + 7_199)
      #expect(try await maintenance.retainNow().orphansDeleted == 0)
      hands.advance(seconds: 3)
      #expect(try await maintenance.retainNow().orphansDeleted == 1)
      #expect(try await mesh.rows(of: table) == [row(0)])
    }
  }

  @Test func filesOfALostLifeGoOnceItsReadersAndBackupsAreOverAndNoOthers() async throws {
    let hands = Hands()
    try await withMesh(clock: hands.catalog) { mesh in
      let table = try await mesh.makeTable()
      try await write(mesh, table, 0..<3)
      _ = try #require(try await mesh.identity.adopt(from: 1, to: 2))
      // Epochs that the restored catalog has not come to, and a table that it does not know.
      let ahead = try await mesh.putFile(of: table, epoch: LeaseEpoch(99), rows: 1)
      let folder = table.folder.split(separator: "/").map(String.init)
      let unknown = "\(folder[0])/table-\(table.id.rawValue + 5)/merge-7-0123456789.parquet"
      let staged = try await mesh.stageFile(of: table, rows: 1)
      try await mesh.store.put([StagedObject(localPath: staged.path, key: unknown)])
      try await write(mesh, table, 3..<5)
      let maintenance = mesh.maintenance(
        Self.limits, monotonic: hands.monotonic, wall: hands.wall)
      hands.advance(seconds: 599)
      #expect(try await maintenance.retainNow().orphansDeleted == 0)
      #expect(Set(try await mesh.orphans()) == [ahead, unknown])
      hands.advance(seconds: 2)
      #expect(try await maintenance.retainNow().orphansDeleted == 2)
      #expect(try await mesh.orphans().isEmpty)
      #expect(try await mesh.rows(of: table) == (0..<5).map(row))
      try await mesh.expectClean()
    }
  }
}

extension Mesh {
  /// Writes a data file as a flight under that epoch would, and names it nowhere.
  func putFile(of table: TableRecord, epoch: LeaseEpoch, rows: Int) async throws -> String {
    let file = try await stageFile(of: table, rows: rows)
    let name = DataFileName(
      epoch: epoch, kind: .events,
      stagedName: file.path.split(separator: "/").last.map(String.init) ?? "")
    let key = table.folder + name.text
    try await store.put([StagedObject(localPath: file.path, key: key)])
    return key
  }

  func stageFile(of table: TableRecord, rows: Int) async throws -> ParquetFile {
    let path = store.stagingPath()
    return try await engine.withConnection { (connection) throws(DuckDBError) in
      try ParquetFile.write(
        query: "SELECT i AS id, 'n' || i AS note FROM range(\(rows)) r(i)",
        fieldIDs: table.fieldIDs,
        statisticsOf: [], to: path, on: connection)
    }
  }
}

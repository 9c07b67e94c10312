import Catalog
import Consistency
import Maintenance
import Model
import ObjectStore
import Runtime
import SQLiteStore
import Testing

/// Whether a catalog is the one that served last.
@Suite struct IncarnationTests {
  private static func state(
    lake: String = "L", generation: Int64 = 2, backend: String = "one", snapshot: Int64 = 50,
    issued: Int64 = 7
  ) -> LakeState {
    LakeState(
      identity: LakeIdentity(lake: lake, generation: generation, backend: backend),
      mark: LakeMark(snapshot: SnapshotID(snapshot), issued: issued))
  }

  private static let record = LakeRecord(
    lake: "L", generation: 2, backends: ["one", "two"],
    mark: LakeMark(snapshot: SnapshotID(50), issued: 7))

  @Test func eachSignOfARestoreIsTold() {
    let record = Self.record
    #expect(IncarnationVerdict(Self.state(snapshot: 0, issued: 0), nil) == .first)
    #expect(IncarnationVerdict(Self.state(), nil) == .unrecorded)
    #expect(IncarnationVerdict(Self.state(snapshot: 0, issued: 1), nil) == .unrecorded)
    for backend in ["one", "two"] {
      #expect(IncarnationVerdict(Self.state(backend: backend), record) == .same)
    }
    #expect(IncarnationVerdict(Self.state(snapshot: 51, issued: 9), record) == .same)
    #expect(IncarnationVerdict(Self.state(lake: "M"), record) == .otherLake)
    #expect(
      IncarnationVerdict(Self.state(lake: "M", snapshot: 0, issued: 0), record) == .otherLake)
    #expect(IncarnationVerdict(Self.state(generation: 3), record) == .adoptionUnfinished)
    #expect(
      IncarnationVerdict(Self.state(generation: 1), record)
        == .restored(.olderGeneration(found: 1, served: 2)))
    #expect(IncarnationVerdict(Self.state(backend: "x"), record) == .restored(.otherDatabase))
    for older in [Self.state(snapshot: 49, issued: 9), Self.state(snapshot: 60, issued: 6)] {
      guard case .restored(.behind) = IncarnationVerdict(older, record) else {
        Issue.record("\(older.mark) is behind")
        return
      }
    }
  }

  @Test func aProcessIsHeldToItsCatalogAndToWhatItKnewBeforeItAsked() {
    let lakeGuard = LakeGuard()
    #expect(lakeGuard.judge()(Self.state(lake: "any")) == nil, "not armed yet")
    lakeGuard.arm(Self.state())
    let early = lakeGuard.judge()
    #expect(lakeGuard.judge()(Self.state(snapshot: 80, issued: 9)) == nil)
    // Asked before the other answer was known, answered after it.
    #expect(early(Self.state(snapshot: 60, issued: 8)) == nil)
    #expect(lakeGuard.refusal(Self.record) == nil && lakeGuard.objection == nil)
    #expect(lakeGuard.judge()(Self.state(snapshot: 70, issued: 9)) != nil)
    // For good: also for the right catalog.
    #expect(lakeGuard.judge()(Self.state(snapshot: 90, issued: 9)) != nil)
    #expect(lakeGuard.objection != nil)
  }

  @Test(arguments: [
    Self.state(lake: "M"), Self.state(generation: 3), Self.state(backend: "two"),
  ])
  func anotherCopyIsRefusedForGood(_ other: LakeState) {
    let lakeGuard = LakeGuard()
    lakeGuard.arm(Self.state())
    #expect(lakeGuard.judge()(other) != nil)
    #expect(lakeGuard.objection != nil)
  }

  @Test func anAdoptionOfAnotherCopyEndsTheServiceOfThisOne() {
    for record in [
      nil, LakeRecord(lake: "L", generation: 3, backends: ["one"]),
      LakeRecord(lake: "L", generation: 2, backends: ["two"]),
    ] {
      let lakeGuard = LakeGuard()
      lakeGuard.arm(Self.state())
      #expect(lakeGuard.refusal(record) != nil && lakeGuard.objection != nil)
    }
  }

  @Test func aStartMarksTheCatalogAndItsRecordAndAnAdoptionGoesOn() async throws {
    try await withMesh { mesh in
      let incarnation = mesh.incarnation()
      let renewal = mesh.renewal()
      #expect(try await incarnation.find().verdict == .first)
      let first = try await incarnation.begin(renewal: renewal)
      let second = try await incarnation.begin(renewal: renewal)
      #expect(first.identity.lake == second.identity.lake)
      #expect(first.identity.backend != second.identity.backend)
      #expect(try await incarnation.find().verdict == .same)
      await #expect(throws: IncarnationError.nothingToAdopt) {
        try await incarnation.adopt(isForced: false)
      }
      // A copy from before the second start.
      try await renewal(first.identity.backend)
      await #expect(throws: IncarnationError.refused(.restored(.otherDatabase))) {
        try await incarnation.begin(renewal: renewal)
      }
      guard case .adopted(let adoption) = try await incarnation.adopt(isForced: false) else {
        Issue.record("the copy is adopted")
        return
      }
      #expect(adoption.identity.generation == 2)
      #expect(try await incarnation.find().verdict == .same)
      #expect(try await incarnation.begin(renewal: renewal).identity.generation == 2)
    }
  }

  @Test func aStartThatIsKilledBetweenCatalogAndRecordIsNoRestore() async throws {
    try await withMesh { mesh in
      let incarnation = mesh.incarnation()
      _ = try await incarnation.begin(renewal: mesh.renewal())
      struct Killed: Error {}
      // Before the catalog had the new mark, and after it.
      for isApplied in [false, true] {
        let apply = mesh.renewal()
        await #expect(throws: IncarnationError.self) {
          _ = try await incarnation.begin { backend throws(CatalogError) in
            if isApplied { try await apply(backend) }
            throw .unavailable(reason: "killed")
          }
        }
        #expect(try await incarnation.find().verdict == .same)
        _ = try await incarnation.begin(renewal: mesh.renewal())
      }
    }
  }

  @Test func aRecordIsReadAsItWasWrittenAndAStaleProcessOverwritesNothing() async throws {
    try await withMesh { mesh in
      let register = LakeRegister(store: mesh.store)
      #expect(try await register.read() == nil)
      try await register.write(lake: "L", generation: 2, backends: ["a b/c", "d"])
      #expect(
        try await register.read()
          == LakeRecord(lake: "L", generation: 2, backends: ["a b/c", "d"]))
      let mark = LakeMark(snapshot: SnapshotID(1 << 41), issued: 5)
      try await register.write(mark, generation: 2)
      // Of a generation that is over.
      try await register.write(LakeMark(snapshot: SnapshotID(3), issued: 3), generation: 1)
      #expect(try await register.read()?.mark == mark)
      #expect(try await mesh.objects().isEmpty, "a record is no object")
      for damage in ["", "duckmesh-lake 9\nlake L\n", "duckmesh-lake 1\nlake L\n"] {
        try await mesh.store.writeRecord("lake", Array(damage.utf8))
        await #expect(throws: ObjectStoreError.self) { try await register.read() }
      }
    }
  }
}

extension Mesh {
  var identity: SQLiteCatalog { opened.sqliteCatalog }

  func incarnation() -> LakeIncarnation {
    LakeIncarnation(catalog: identity, register: LakeRegister(store: store))
  }

  func renewal() -> LakeIncarnation.Renewal {
    { [identity] backend throws(CatalogError) in try await identity.renew(nonce: backend) }
  }
}

import DuckDB
import QueryWorker
import Testing
import WorkerProtocol

/// What stays in a worker's engine between statements, and what a statement sees of it.
@Suite struct StandingViewsTests {
  /// An engine with what stands in it, and a statement at a time.
  private final class Engine {
    let instance: DuckDBInstance
    let standing: StandingViews

    init() throws {
      instance = try DuckDBInstance()
      standing = StandingViews(instance)
    }

    /// Puts the relations on a fresh connection, as each statement has one.
    func statement<Value>(
      _ relations: [RelationDefinition], listing: [ListedTable]? = nil, isCancelled: Bool = false,
      _ body: (DuckDBConnection) throws -> Value
    ) throws -> Value {
      let connection = try instance.connect()
      if isCancelled { connection.interruptHandle.interrupt() }
      try QueryRelations(
        ResolvedRelations(relations: relations, listing: listing ?? []),
        wantsListing: listing != nil
      ).create(on: connection, standing: standing)
      return try body(connection)
    }

    /// Asks for the relations until they stand.
    func stand(_ relations: [RelationDefinition]) throws -> [String: Int64] {
      for _ in 0..<2 { try statement(relations) { _ in } }
      return try standingNow()
    }

    /// The committed views by name, with what tells one from another of the same text.
    func standingNow() throws -> [String: Int64] {
      try StandingViewsTests.views(instance.connect())
    }
  }

  private static func views(_ connection: DuckDBConnection) throws -> [String: Int64] {
    let rows = try connection.query(
      "SELECT view_name, view_oid FROM duckdb_views() WHERE NOT internal AND NOT temporary"
    ).rows
    return Dictionary(
      uniqueKeysWithValues: rows.map { ($0[0].string ?? "", $0[1].int64 ?? -1) })
  }

  private static func number(_ sql: String, _ connection: DuckDBConnection) throws -> Int64? {
    try connection.query(sql).rows.first?.first?.int64
  }

  private static func relation(
    _ name: String, _ number: Int, setup: [String] = []
  ) -> RelationDefinition {
    RelationDefinition(name: name, select: "SELECT \(number)::BIGINT AS x", setup: setup)
  }

  /// The same numbers at each run.
  private struct Generator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }

  private static let broken = RelationDefinition(
    name: "broken", select: "SELECT * FROM read_parquet(['/nowhere/at/all.parquet'])")

  @Test func aViewStaysForTheStatementsThatHaveTheSameRelation() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let relations = [Self.relation("a", 1), Self.relation("b", 2)]
      try engine.statement(relations) { _ in }
      #expect(try engine.standingNow().isEmpty, "it may have been the only one to ask for that")
      let stand = try engine.stand(relations)
      #expect(stand.keys.sorted() == ["a", "b"])
      for _ in 0..<3 {
        let seen = try engine.statement(relations.reversed()) { (connection) throws in
          #expect(try Self.number("SELECT a.x + 10 * b.x FROM a, main.b", connection) == 21)
          return try Self.views(connection)
        }
        #expect(seen == stand, "not made again")
      }
    }
  }

  @Test func anotherSnapshotOfOneRelationTakesThePlaceOfTheFormerAndLeavesTheOthers() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let former = [Self.relation("a", 1), Self.relation("b", 2)]
      let newer = [Self.relation("a", 7), Self.relation("b", 2)]
      let stand = try engine.stand(former)
      let seen = try engine.statement(newer) { (connection) throws in
        #expect(try Self.number("SELECT x FROM a", connection) == 7)
        return try Self.views(connection)
      }
      #expect(seen["b"] == stand["b"] && seen["a"] != stand["a"] && seen.count == 2)
      #expect(try engine.standingNow() == stand, "for the one that asks for the former again")
      #expect(try engine.statement(former) { try Self.number("SELECT x FROM a", $0) } == 1)
      let replaced = try engine.stand(newer)
      #expect(replaced["b"] == stand["b"] && replaced["a"] != stand["a"] && replaced.count == 2)
      #expect(try engine.statement(newer) { try Self.number("SELECT x FROM a", $0) } == 7)
      #expect(try engine.statement(former) { try Self.number("SELECT x FROM a", $0) } == 1)
    }
  }

  @Test func aStatementSeesNoneOfTheTablesThatItDoesNotName() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let stand = try engine.stand([Self.relation("a", 1), Self.relation("b", 2)])
      for _ in 0..<2 {
        try engine.statement([Self.relation("b", 2)]) { (connection) throws in
          #expect(try Self.views(connection) == stand.filter { $0.key == "b" })
          #expect(throws: DuckDBError.self) { try connection.query("FROM a") }
        }
      }
      #expect(try engine.standingNow().keys.sorted() == ["b"], "that was asked for twice")
      try engine.statement([]) { (connection) throws in
        #expect(try Self.views(connection).isEmpty)
        #expect(throws: DuckDBError.self) { try connection.query("FROM b") }
      }
    }
  }

  @Test func whatNobodyAsksForAnyLongerIsTakenDown() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let relations = [Self.relation("a", 1)]
      let stand = try engine.stand(relations)
      // Some without tables, and tables in turn.
      for number in 1..<StandingViews.maximumMisses {
        try engine.statement(number % 2 == 0 ? [] : [Self.relation("b", number)]) { _ in }
        #expect(try engine.standingNow() == stand)
      }
      try engine.statement(relations) { (connection) throws in
        #expect(try Self.views(connection) == stand)
      }
      for number in 1...StandingViews.maximumMisses {
        #expect(try engine.standingNow() == stand)
        try engine.statement([Self.relation("c", number)]) { _ in }
      }
      #expect(try engine.standingNow().isEmpty)
    }
  }

  @Test func aStatementWithoutTablesDoesNotComeBetweenThoseWithThem() async throws {
    try await Blocking.run {
      let engine = try Engine()
      for _ in 0..<2 {
        try engine.statement([Self.relation("a", 1)]) { _ in }
        for _ in 0..<2 { try engine.statement([]) { _ in } }
      }
      #expect(try engine.standingNow().keys.sorted() == ["a"])
    }
  }

  @Test func aRelationWithSetupIsItsStatementsAlone() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let deleting = RelationDefinition(
        name: "A", select: "SELECT x FROM _dl_deletes",
        setup: [
          "CREATE TEMP TABLE _dl_deletes AS SELECT 5::BIGINT AS x"
        ])
      let plain = [Self.relation("a", 1), Self.relation("b", 2)]
      _ = try engine.stand(plain)
      for _ in 0..<2 {
        try engine.statement([deleting, Self.relation("b", 2)]) { (connection) throws in
          #expect(try Self.number("SELECT x FROM a", connection) == 5)
          #expect(try Self.views(connection).keys.sorted() == ["A", "b"])
        }
      }
      #expect(try engine.standingNow().keys.sorted() == ["b"])
      #expect(try engine.statement(plain) { try Self.number("SELECT x FROM a", $0) } == 1)
    }
  }

  @Test func aNameIsSpelledAsTheStatementsCatalogSpellsIt() async throws {
    try await Blocking.run {
      let engine = try Engine()
      for name in ["events", "Events", "EVENTS", "we\"ird", "events"] {
        for _ in 0..<3 {
          try engine.statement([Self.relation(name, 1)]) { (connection) throws in
            #expect(Array(try Self.views(connection).keys) == [name])
          }
        }
      }
    }
  }

  @Test func afterACreationThatFailedNothingOfItIsLeft() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let former = try engine.stand([Self.relation("a", 1), Self.relation("b", 2)])
      let failing = [Self.relation("a", 9), Self.relation("c", 3), Self.broken]
      for _ in 0..<2 {
        let failure = #expect(throws: QueryFailure.self) {
          try engine.statement(failing) { _ in }
        }
        #expect(failure?.failure == .snapshotGone)
      }
      try engine.statement([Self.relation("a", 1)]) { (connection) throws in
        let views = try Self.views(connection)
        #expect(views.keys.sorted() == ["a"])
        #expect(views["a"] != former["a"], "made anew: what stood was in doubt")
        #expect(try Self.number("SELECT x FROM a", connection) == 1)
      }
      #expect(try engine.standingNow().isEmpty)
      #expect(try engine.stand([Self.relation("a", 1)]).keys.sorted() == ["a"])
    }
  }

  @Test func aStatementThatWasCancelledLeavesTheNextOneItsOwnRelations() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let both = [Self.relation("a", 1), Self.relation("b", 2)]
      _ = try engine.stand(both)
      // The second of the same is cancelled while what stands is changed.
      for cancelled in [[Self.relation("a", 8)], [Self.relation("a", 8)], both] {
        let failure = #expect(throws: QueryFailure.self) {
          try engine.statement(cancelled, isCancelled: true) { _ in }
        }
        #expect(failure?.failure == .cancelled)
        #expect(failure?.retiresWorker == false)
        try engine.statement([Self.relation("b", 2)]) { (connection) throws in
          #expect(try Self.views(connection).keys.sorted() == ["b"])
          #expect(try Self.number("SELECT x FROM b", connection) == 2)
        }
      }
    }
  }

  @Test func nothingThatAStatementMakesOfItsTablesOutlivesIt() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let relations = [Self.relation("a", 1)]
      let before = try engine.stand(relations)
      try engine.statement(relations) { (connection) throws in
        try connection.execute("CREATE OR REPLACE VIEW main.a AS SELECT 666::BIGINT AS x")
        try connection.execute("CREATE TABLE main.left_behind AS SELECT 1 AS x")
        try connection.execute("CREATE TEMP VIEW b AS SELECT 1 AS x")
      }
      try engine.statement(relations) { (connection) throws in
        #expect(try Self.views(connection) == before)
        #expect(try Self.number("SELECT x FROM a", connection) == 1)
        #expect(throws: DuckDBError.self) { try connection.query("FROM left_behind") }
        #expect(throws: DuckDBError.self) { try connection.query("FROM b") }
      }
    }
  }

  @Test func aListingNamesTheTablesOfItsRequestWhateverStands() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let listing = [ListedTable(name: "z", columns: [ListedColumn(name: "x", type: "BIGINT")])]
      _ = try engine.stand([Self.relation("a", 1), Self.relation("b", 2)])
      for _ in 0..<2 {
        try engine.statement([Self.relation("b", 2)], listing: listing) { (connection) throws in
          let names = try connection.query(
            "SELECT table_name FROM _dl_information_schema.tables"
          ).rows.map { $0[0].string }
          #expect(names == ["z"])
          #expect(try Self.views(connection).keys.sorted() == ["b"])
        }
      }
      #expect(try engine.standingNow().keys.sorted() == ["b"])
    }
  }

  @Test func moreRelationsThanMayStayAreAllThereAndOnlySoManyStay() async throws {
    try await Blocking.run {
      let engine = try Engine()
      let many = (0..<200).map { Self.relation("t\($0)", $0) }
      for _ in 0..<2 {
        try engine.statement(many) { (connection) throws in
          #expect(try Self.views(connection).count == 200)
          #expect(try Self.number("SELECT t0.x + t199.x FROM t0, t199", connection) == 199)
        }
      }
      #expect(try engine.standingNow().count == StandingViews.maximumCount)
      let padding = String(repeating: " ", count: StandingViews.maximumTextBytes)
      let long = RelationDefinition(name: "long", select: "SELECT \(padding) 3::BIGINT AS x")
      for _ in 0..<2 {
        try engine.statement([long, Self.relation("t1", 1)]) { (connection) throws in
          #expect(try Self.number("SELECT long.x + t1.x FROM long, t1", connection) == 4)
        }
      }
      #expect(try engine.standingNow().keys.sorted() == ["t1"])
    }
  }

  /// Against a model: statements of random relations at random snapshots, some again, some with
  /// setup, some that fail or are cancelled. Each sees exactly its own.
  @Test func whateverCameBeforeAStatementSeesExactlyItsRelations() async throws {
    try await Blocking.run {
      let engine = try Engine()
      var random = Generator(state: 20_261_121)
      var wanted: [String: Int] = [:]
      var relations: [RelationDefinition] = []
      for step in 0..<800 {
        if random.next() % 2 == 0 {
          (wanted, relations) = Self.drawn(&random)
        }
        let isCancelled = random.next() % 8 == 0
        if isCancelled || relations.contains(Self.broken) {
          #expect(throws: QueryFailure.self) {
            try engine.statement(relations, isCancelled: isCancelled) { _ in }
          }
          continue
        }
        try engine.statement(relations) { (connection) throws in
          #expect(try Self.views(connection).keys.sorted() == wanted.keys.sorted(), "step \(step)")
          for (name, number) in wanted {
            let found = try Self.number("SELECT x FROM main.\(name)", connection)
            #expect(found == Int64(number), "step \(step)")
          }
        }
      }
    }
  }

  private static func drawn(
    _ random: inout Generator
  ) -> (wanted: [String: Int], relations: [RelationDefinition]) {
    var wanted: [String: Int] = [:]
    var relations: [RelationDefinition] = []
    for name in ["a", "b", "c"] where random.next() % 3 != 0 {
      let number = Int(random.next() % 3)
      let hasSetup = random.next() % 5 == 0
      relations.append(
        relation(
          name, number,
          setup: hasSetup ? ["CREATE TEMP TABLE _dl_helper_\(name) AS SELECT 1"] : []))
      wanted[name] = number
    }
    if random.next() % 8 == 0 {
      relations.insert(broken, at: Int(random.next() % UInt64(relations.count + 1)))
    }
    return (wanted, relations)
  }
}

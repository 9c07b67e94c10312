import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Changes of a schema beside publishers, commits, drops and each other, in several processes.
@Suite struct SchemaRaceTests {
  @Test(arguments: StoreBackends.shared)
  func ofChangesAtTheSameTimeEachIsBuiltOnTheOneBefore(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let processes = [lab, try await lab.inAnotherProcess(), try await lab.inAnotherProcess()]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (number, process) in processes.enumerated() {
          group.addTask {
            for round in 0..<8 { try await process.addColumn("c_\(number)_\(round)", to: table) }
          }
        }
        try await group.waitForAll()
      }
      let last = try #require(
        try await lab.catalog.table(named: "events", tenant: table.tenant))
      #expect(last.schemaVersion == 25)
      #expect(last.definition.schema.columns.count == 26)
      #expect(last.columnIDs == Array(1...26))
      let versions = try await lab.catalog.tableVersions(of: table.id, below: nil, limit: 100)
      #expect(versions.map(\.table.schemaVersion) == (1...25).reversed())
      #expect(
        versions.map { $0.table.definition.schema.columns.count } == (2...26).reversed())
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func whatIsAcceptedWasCheckedAgainstTheVersionOfItsMoment(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.inAnotherProcess()
      let accepted = try await withThrowingTaskGroup(of: [Int64: [Int64]].self) { group in
        group.addTask {
          for round in 0..<15 { try await other.addColumn("c\(round)", to: table) }
          return [:]
        }
        for number in 0..<3 {
          group.addTask { try await lab.publishThroughChanges(table, 30, prefix: "\(number)") }
        }
        var accepted: [Int64: [Int64]] = [:]
        for try await tokens in group {
          for (version, given) in tokens { accepted[version] = (accepted[version] ?? []) + given }
        }
        return accepted
      }
      // Tokens rise with the versions they were checked against: a change comes before an event or
      // after it.
      let runs = accepted.sorted { $0.key < $1.key }.map { $0.value.sorted() }
      #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.last ?? 0 < $1.first ?? 0 })
      #expect(accepted.values.flatMap { $0 }.sorted() == Array(1...90))
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func aTableThatIsDroppedWhileItIsAlteredIsGone(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let other = try await lab.inAnotherProcess()
      for round in 0..<10 {
        let table = try await lab.makeTable(of: "acme")
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await other.addColumnUnlessGone("more", to: table) }
          group.addTask {
            _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
          }
          try await group.waitForAll()
        }
        #expect(try await lab.catalog.table(named: "events", tenant: table.tenant) == nil)
        let left = try #require(try await lab.catalog.tables(ids: [table.id]).first)
        #expect(left.isDropped, "round \(round)")
        #expect(left.definition.schema.columns.count == Int(left.schemaVersion) + 1)
      }
      try await lab.expectDenseHistory()
    }
  }
}

extension Lab {
  /// Adds a column to whatever version the table has by then.
  fileprivate func addColumn(_ name: String, to table: TableRecord) async throws {
    while try await !addsColumn(name, to: table) {}
  }

  /// - Returns: false when another change came first.
  private func addsColumn(_ name: String, to table: TableRecord) async throws -> Bool {
    let present = try #require(try await catalog.tables(ids: [table.id]).first)
    let columns = present.definition.schema.columns + [try column("\(name) TEXT")]
    do {
      _ = try await evolve(present, to: columns)
    } catch CatalogError.tableChanged {
      return false
    }
    return true
  }

  fileprivate func addColumnUnlessGone(_ name: String, to table: TableRecord) async throws {
    do {
      try await addColumn(name, to: table)
    } catch CatalogError.tableNotFound {
      return
    }
  }

  /// - Returns: the tokens by the version that each request was checked against.
  fileprivate func publishThroughChanges(
    _ table: TableRecord, _ count: Int, prefix: String
  ) async throws -> [Int64: [Int64]] {
    var tokens: [Int64: [Int64]] = [:]
    for index in 0..<count {
      let (version, given) = try await publishOnce(table, key: "\(prefix)-\(index)")
      tokens[version] = (tokens[version] ?? []) + given
    }
    return tokens
  }

  /// Publishes under whatever version the table has by then.
  private func publishOnce(
    _ table: TableRecord, key: String
  ) async throws -> (version: Int64, tokens: [Int64]) {
    var outcome = PublishOutcome.schemaChanged
    var version: Int64 = 0
    while outcome == .schemaChanged {
      let present = try #require(try await catalog.tables(ids: [table.id]).first)
      version = present.schemaVersion
      outcome = try await publish(present, TestEvent(key))
    }
    return (version, try #require(outcome.tokens))
  }
}

import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Partitions and orders as the catalogs keep them.
@Suite struct LayoutTests {
  private static let layout = TableLayout(
    partitioning: [.init("note", .identity), .init("id", .bucket(count: 8))],
    sortOrder: [.init("note", isDescending: true, putsNullsFirst: true), .init("id")])

  private static func table(_ lab: Lab) async throws -> TableRecord {
    let tenant = try await lab.makeTenant("acme")
    return try await lab.catalog.createTable(
      TableDefinition(name: "events", schema: try Lab.schema(), layout: layout),
      tenant: tenant.id)
  }

  /// Commits one row for each list of values, as a file of that partition.
  private static func commit(
    _ lab: Lab, _ table: TableRecord, _ partitions: [[String?]?]
  ) async throws -> SnapshotID {
    try await lab.publishRows(
      table, partitions.count, prefix: RandomHex.digits(8))
    let owner = OwnerID("committer")
    let claims = try await lab.claim(owner, [table.tenant])
    let whole = try lab.materialise(claims, owner: owner)
    let tokens = try claims.flatMap { try $0.events() }.map(\.token)
    let files = zip(tokens, partitions).map { token, values in
      let file = lab.write([token], of: table.id)
      return NewDataFile(
        table: file.table, name: file.name, recordCount: file.recordCount,
        byteCount: file.byteCount, footerByteCount: file.footerByteCount,
        statistics: file.statistics,
        partition: values.map {
          FilePartition(partitioning: table.partitioningID ?? 0, values: $0)
        })
    }
    return try await lab.catalog.commit(
      EventCommit(
        id: whole.id, owner: whole.owner, fences: whole.fences, tables: whole.tables,
        files: files, ledger: whole.ledger, deadLetters: whole.deadLetters)
    ).snapshot
  }

  private static func partitions(_ files: [DataFileRecord]) -> [[String?]?] {
    files.map { $0.partition?.values }
  }

  @Test(arguments: StoreBackends.all)
  func aLayoutIsKeptAndFollowsItsColumns(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let made = try await Self.table(lab)
      #expect(made.definition.layout == Self.layout && made.partitioningID != nil)
      #expect(try await lab.catalog.tables(ids: [made.id]) == [made])
      #expect(try await lab.catalog.table(named: "Events", tenant: made.tenant) == made)
      let first = try await lab.catalog.latestSnapshot(tenant: made.tenant).id
      let renamed = try await lab.catalog.alterTable(
        TableAlteration(
          table: made.id, base: 1,
          columns: [("number", 0), ("text", 1)].map { name, place in
            let column = made.definition.schema.columns[place]
            return TableAlteration.Column(
              id: made.columnIDs[place],
              definition: ColumnDefinition(
                name: name, type: column.type, isNullable: column.isNullable),
              initialDefault: nil)
          }, compatibilityMode: .none, eventTimeColumn: nil))
      #expect(renamed.definition.layout.partitioning.map(\.column) == ["text", "number"])
      #expect(renamed.definition.layout.sortOrder.map(\.column) == ["text", "number"])
      #expect(renamed.partitioningID == made.partitioningID)
      #expect(try await lab.catalog.table(made.id, at: first)?.definition.layout == Self.layout)
      let other = try await lab.catalog.createTable(
        TableDefinition(name: "more", schema: try Lab.schema()), tenant: made.tenant)
      #expect(!other.definition.layout.isClustered && other.partitioningID == nil)
      #expect(other.id.rawValue > made.partitioningID ?? .max)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesAreReadWithTheirPartitionsAtEverySnapshot(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await Self.table(lab)
      let values: [[String?]?] = [
        ["a", "0"], [nil, "7"], ["", nil], nil, ["it's, 1:- \u{1F986}", "3"], [nil, nil],
      ]
      let snapshot = try await Self.commit(lab, table, values)
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(Self.partitions(live) == values)
      #expect(live.compactMap(\.partition?.partitioning).allSatisfy { $0 == table.partitioningID })
      let shown = try await lab.catalog.manifests(
        tenant: table.tenant, names: ["events"], at: snapshot)
      #expect(Self.partitions(shown.flatMap(\.files)) == values)
      let looked = try await lab.catalog.lookupFiles(of: table.id, columns: [1]).map(\.file)
      #expect(Self.partitions(looked) == values)
      let known = try await lab.catalog.fileStatistics(
        of: table.id, columns: [1, 2], at: snapshot)
      #expect(Set(known.keys) == Set(live.map(\.id)))
      #expect(known.values.allSatisfy { $0.map(\.columnID) == [1] && $0[0].maximum == "9" })
      let before = SnapshotID(snapshot.rawValue - 1)
      #expect(
        try await lab.catalog.fileStatistics(of: table.id, columns: [1], at: before).isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesOfSeveralPartitionsNeverBecomeOne(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await Self.table(lab)
      let first = try await Self.commit(lab, table, [["a", "0"], ["b", "0"], nil])
      _ = try await Self.commit(lab, table, [["a", "0"], ["b", "0"], nil])
      let files = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      let owner = OwnerID("merger")
      let epoch = try #require(
        try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
      func merge(
        _ inputs: [DataFileRecord], as partition: FilePartition?
      ) async throws {
        let rows = inputs.flatMap { input in
          (lab.lake.rows(at: String(input.path.split(separator: "/").last ?? "")) ?? []).map {
            TokenLake.Row(token: $0.token, addedBy: input.begin, key: $0.key)
          }
        }
        let file = lab.write(rows.map(\.token), of: table.id)
        lab.lake.write(rows: rows, to: file.name)
        _ = try await lab.catalog.commit(
          MergeCommit(
            id: .random(), owner: owner, epoch: epoch, table: table.id, inputs: inputs,
            output: NewDataFile(
              table: table.id, name: file.name, recordCount: Int64(inputs.count), byteCount: 1,
              footerByteCount: 1, statistics: [], partition: partition), rowIDStart: nil))
      }
      await #expect(throws: CommitError.self) {
        try await merge([files[0], files[1]], as: files[0].partition)
      }
      await #expect(throws: CommitError.self) { try await merge([files[0], files[3]], as: nil) }
      await #expect(throws: CommitError.self) {
        try await merge([files[2], files[5]], as: files[0].partition)
      }
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 6)
      try await merge([files[0], files[3]], as: files[0].partition)
      try await merge([files[2], files[5]], as: nil)
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(
        Set(Self.partitions(live)) == [["a", "0"], ["b", "0"], nil] && live.count == 4)
      #expect(try await lab.visibleTokens(table.tenant, at: first) == [1, 2, 3])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDroppedTableComesBackWithItsLayoutAndItsPartitions(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await Self.table(lab)
      let full = try await Self.commit(lab, table, [["a", "0"], ["b", nil]])
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      let gone = try #require(try await lab.catalog.tables(ids: [table.id]).first)
      #expect(gone.isDropped && gone.definition.layout == Self.layout)
      let files = try await lab.catalog.manifests(
        tenant: table.tenant, names: ["events"], at: full
      ).flatMap(\.files)
      let owner = OwnerID("restorer")
      let epoch = try #require(
        try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
      let fresh = lab.write([2], of: table.id)
      _ = try await lab.catalog.commit(
        RestoreCommit(
          id: .random(), owner: owner, tenant: table.tenant, restoredFrom: full,
          tables: [
            RestoredTable(
              table: table.id, epoch: epoch, schemaVersion: 1, isDropped: true, kept: [],
              added: [
                .link(of: files[0], name: "linked.parquet"),
                .written(
                  NewDataFile(
                    table: table.id, name: fresh.name, recordCount: 1, byteCount: 1,
                    footerByteCount: 1, statistics: [], partition: files[1].partition)),
              ])
          ]))
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(Set(Self.partitions(live)) == [["a", "0"], ["b", nil]])
      let back = try #require(try await lab.catalog.tables(ids: [table.id]).first)
      #expect(back.definition == table.definition)
      #expect(back.partitioningID == table.partitioningID && !back.isDropped)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }
}

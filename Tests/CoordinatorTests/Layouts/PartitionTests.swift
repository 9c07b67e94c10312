import Catalog
import Coordinator
import Maintenance
import Model
import ObjectStore
import TestSupport
import Testing

/// What a flush and a merge make of a table with partitions.
@Suite struct PartitionTests {
  private static let columns = [
    ColumnDefinition(name: "id", type: .bigint),
    ColumnDefinition(name: "moment", type: .timestampTZ),
    ColumnDefinition(name: "region", type: .varchar), ColumnDefinition(name: "owner", type: .uuid),
    ColumnDefinition(name: "day", type: .date),
  ]

  private static let eager: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    return limits
  }()

  private static func payload(_ id: Int) -> String {
    let region = ["\"a/b =%\"", "null", "\"\"", "\"d\\u00e9\\u0000\"", "\"plain\""][id % 5]
    return """
      {"id":\(id),"moment":"2024-0\(1 + id % 3)-0\(1 + id % 2)T2\(id % 4):30:00Z",\
      "region":\(region),\
      "owner":"00000000-0000-4000-8000-00000000000\(id % 4)","day":"19\(60 + id % 2)-02-03"}
      """
  }

  private func commit(
    _ mesh: Mesh, _ table: TableRecord, _ payloads: [String]
  ) async throws {
    try await running(mesh.coordinator()) { coordinator in
      try await mesh.wait(
        table, try await mesh.publish(table, payloads, telling: coordinator))
    }
  }

  private static func layout(_ name: String) -> TableLayout {
    switch name {
    case "text": TableLayout(partitioning: [.init("region", .identity)])
    case "time":
      TableLayout(partitioning: [
        .init("moment", .year), .init("moment", .month), .init("moment", .day),
        .init("moment", .hour),
      ])
    case "buckets":
      TableLayout(
        partitioning: [
          .init("id", .bucket(count: 2)), .init("owner", .bucket(count: 2)),
          .init("day", .bucket(count: 2)), .init("moment", .bucket(count: 2)),
        ], sortOrder: [.init("id", isDescending: true)])
    default: TableLayout(partitioning: [.init("day", .year), .init("owner", .identity)])
    }
  }

  @Test(arguments: MeshStore.Kind.allCases, ["text", "time", "buckets", "both"])
  func theOfficialReaderSeesTheSameAndPutsItsOwnRowsWhereOursAre(
    kind: MeshStore.Kind, layout: String
  ) async throws {
    try await withMesh(over: kind) { mesh in
      let table = try await mesh.makeTable(
        of: "acme", Self.columns, layout: Self.layout(layout))
      var payloads = (0..<40).map(Self.payload)
      // No partition of a text that no catalog can hold.
      if layout != "text" { payloads = payloads.filter { !$0.contains("\\u0000") } }
      for start in stride(from: 0, to: payloads.count, by: 8) {
        try await commit(mesh, table, Array(payloads[start..<min(start + 8, payloads.count)]))
      }
      let before = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
      let rows = try await mesh.rows(of: table)
      #expect(try await mesh.maintenance(Self.eager).compactNow().merges > 0)
      #expect(try await mesh.rows(of: table) == rows)
      #expect(try await mesh.rows(of: table, at: before) == rows)
      let name = mesh.opened.officialName
      let reader = OfficialReader(
        catalog: name.hasPrefix("sqlite:") ? String(name.dropFirst(7)) : name, schema: "acme")
      let count = String(payloads.count)
      let answers = try await reader.ask([
        .init(sql: "SELECT count(*), count(DISTINCT id) FROM {table:events}", snapshot: nil),
        .init(
          sql: "SELECT count(*), count(DISTINCT id) FROM {table:events}",
          snapshot: before.rawValue),
        .init(sql: "SELECT count(DISTINCT rowid) FROM {table:events}", snapshot: nil),
        // What it leaves out by partitions and by bounds is what has no such row.
        .init(sql: "SELECT count(*) FROM {table:events} WHERE id = 7", snapshot: nil),
        .init(
          sql: "SELECT count(*) FROM {table:events} WHERE month(moment) = 2 AND region IS NULL",
          snapshot: nil),
        .init(
          sql: "SELECT count(*) FROM {table:events} WHERE owner = "
            + "'00000000-0000-4000-8000-000000000001' AND day = DATE '1961-02-03'", snapshot: nil),
      ])
      #expect(answers[0] == [[count, count]] && answers[1] == [[count, count]])
      #expect(answers[2] == [[count]])
      func matching(_ condition: (String) -> Bool) -> [[String?]] {
        [[String(payloads.count { condition($0) })]]
      }
      #expect(answers[3] == [["1"]])
      #expect(
        answers[4] == matching { $0.contains("2024-02") && $0.contains(#""region":null"#) })
      #expect(answers[5] == matching { $0.contains("0001\"") && $0.contains("1961-") })
      try await mesh.expectClean()
    }
  }

  @Test(arguments: MeshStore.Kind.allCases, ["text", "time", "buckets", "both"])
  func theOfficialWriterPutsTheSameRowsIntoTheSamePartitions(
    kind: MeshStore.Kind, layout: String
  ) async throws {
    try await withMesh(over: kind) { mesh in
      let table = try await mesh.makeTable(of: "acme", Self.columns, layout: Self.layout(layout))
      try await commit(mesh, table, (0..<40).filter { $0 % 5 != 3 }.map(Self.payload))
      let ours = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
      let name = mesh.opened.officialName
      let reader = OfficialReader(
        catalog: name.hasPrefix("sqlite:") ? String(name.dropFirst(7)) : name, schema: "acme")
      let table2 = #"lake."acme"."events""#
      _ = try await reader.ask([], executing: ["INSERT INTO \(table2) SELECT * FROM \(table2)"])
      let all = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
      let theirs = all.filter { file in !ours.contains { $0.id == file.id } }
      #expect(ours.count > 1 && !ours.contains { $0.partition == nil })
      func places(_ files: [DataFileRecord]) -> Set<String> {
        Set(
          files.map { file in
            let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
            return "\(String(describing: file.partition)) in \(folder)"
          })
      }
      #expect(places(theirs) == places(ours))
    }
  }

  @Test func rowsOfMorePartitionsThanOneFlushWritesShareAFile() async throws {
    try await withMesh { mesh in
      let layout = TableLayout(
        partitioning: [.init("id", .identity)], sortOrder: [.init("region")])
      let table = try await mesh.makeTable(of: "acme", Self.columns, layout: layout)
      let limit = 64
      // Those with two rows come first, whatever the order of the tokens is.
      let payloads = ((0..<limit + 20).map { $0 } + (10..<30).map { $0 }).shuffled()
        .map { #"{"id":\#($0),"region":"r\#($0 % 7)"}"# }
      try await commit(mesh, table, payloads)
      let files = try await mesh.catalog.liveFiles(of: table.id).map(\.file)
      #expect(files.count == limit + 1)
      let shared = files.filter { $0.partition == nil }
      #expect(shared.count == 1 && shared[0].recordCount == 20)
      let own = Set(files.compactMap { $0.partition?.values[0] })
      #expect(own.isSuperset(of: (10..<30).map(String.init)))
      #expect(try await mesh.rows(of: table).count == payloads.count)
      #expect(try await mesh.account(of: table).counts.inserted == Int64(payloads.count))
      try await mesh.expectClean()
      // The next flush of few rows finds its partitions again, and merges keep to them.
      for _ in 0..<3 { try await commit(mesh, table, [#"{"id":1}"#, #"{"id":2}"#]) }
      #expect(try await mesh.maintenance(Self.eager).compactNow().merges == 2)
      for file in try await mesh.catalog.liveFiles(of: table.id).map(\.file)
      where file.partition?.values == ["1"] {
        #expect(file.recordCount >= 3 && file.path.contains("/id=1/merge-"))
      }
      try await mesh.expectClean()
    }
  }

  @Test func aFileThatCannotBeWrittenLeavesNoneOfItsFlight() async throws {
    try await withMesh { mesh in
      let layout = TableLayout(partitioning: [.init("id", .identity)])
      let table = try await mesh.makeTable(of: "acme", Self.columns, layout: layout)
      let once = FailingTimes(1)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if once.isFailing { throw .unavailable(reason: "a fault") }
      }
      try await commit(mesh, table, (0..<5).map { #"{"id":\#($0)}"# })
      #expect(try await mesh.catalog.liveFiles(of: table.id).count == 5)
      try await mesh.expectClean()
    }
  }
}

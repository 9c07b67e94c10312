import Catalog
import Coordinator
import Maintenance
import Model
import Runtime
import Testing

/// Nested values from accepted events to merged files.
@Suite struct NestedMaterializationTests {
  private static func columns() throws -> [ColumnDefinition] {
    try [
      ("id", "BIGINT"), ("tags", "VARCHAR[]"),
      (
        "items",
        "STRUCT(price DECIMAL(30,10), raw BLOB, extra JSON, seen TIMESTAMP WITH TIME ZONE)[]"
      ),
      ("counts", "MAP(VARCHAR, STRUCT(n TINYINT, raws BLOB[]))"),
      ("days", "MAP(DATE, MAP(INTEGER, DECIMAL(3,1)[]))"),
      ("s", "TIMESTAMP_S"), ("ms", "TIMESTAMP_MS"), ("ns", "TIMESTAMP_NS"),
    ].map { ColumnDefinition(name: $0.0, type: try ColumnType(sql: $0.1)) }
  }

  /// As the edge hands it on.
  private static func payload(_ id: Int) -> String {
    switch id % 4 {
    case 0: return #"{"id":\#(id)}"#
    case 1: return #"{"id":\#(id),"tags":[],"items":[],"counts":{},"days":[]}"#
    case 2:
      return """
        {"id":\(id),"tags":[null],"items":[null,{}],"counts":{"":null},\
        "days":[{"key":"2024-02-29"}]}
        """
    default:
      return """
        {"id":\(id),"tags":["a","\\u00e9\\""],"items":[{"extra":"{\\"a\\":[1.50]}",\
        "price":"12345678901234567890.0123456789","raw":"AAH/","seen":"2024-02-29T12:00:00+02:00"},\
        {"price":1.5}],"counts":{"k":{"n":\(id % 100),"raws":["QUI=",null]},"j":null},\
        "days":[{"key":"2024-02-29","value":[{"key":-1,"value":[1.5,null]},{"key":2}]}],\
        "s":"2024-02-29T12:00:00","ms":"2024-02-29 12:00:00.123","ns":"2024-02-29T12:00:00.123456789"}
        """
    }
  }

  private static func expected(_ id: Int) -> String {
    let rest: String
    switch id % 4 {
    case 0:
      rest = #""tags":null,"items":null,"counts":null,"days":null"#
    case 1: rest = #""tags":[],"items":[],"counts":{},"days":{}"#
    case 2:
      rest = """
        "tags":[null],"items":[null,{"price":null,"raw":null,"extra":null,"seen":null}],\
        "counts":{"":null},"days":{"2024-02-29":null}
        """
    default:
      rest = """
        "tags":["a","é\\""],"items":[{"price":12345678901234567890.0123456789,\
        "raw":"\\\\x00\\\\x01\\\\xFF","extra":{"a":[1.5]},"seen":"2024-02-29 10:00:00+00"},\
        {"price":1.5000000000,"raw":null,"extra":null,"seen":null}],\
        "counts":{"k":{"n":\(id % 100),"raws":["AB",null]},"j":null},\
        "days":{"2024-02-29":{"-1":[1.5,null],"2":null}}
        """
    }
    let times =
      id % 4 == 3
      ? """
      "s":"2024-02-29 12:00:00","ms":"2024-02-29 12:00:00.123","ns":"2024-02-29 12:00:00.123456789"
      """ : #""s":null,"ms":null,"ns":null"#
    return #"{"id":\#(id),\#(rest),\#(times)}"#
  }

  @Test func nestedValuesAreReadBackFromFilesOfTheirOwnAndFromMergedOnes() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable("nested", of: "acme", try Self.columns())
      try await running(mesh.coordinator()) { coordinator in
        for round in 0..<4 {
          let token = try await mesh.publish(
            table, (0..<6).map { Self.payload(round * 6 + $0) }, telling: coordinator)
          try await mesh.wait(table, token)
        }
      }
      let wanted = (0..<24).map(Self.expected).sorted()
      #expect(try await mesh.rows(of: table) == wanted)
      #expect(try await mesh.deadLetters(of: table).isEmpty)
      let before = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
      try await Self.expectFieldIDs(mesh, table)

      var eager = Limits.Maintenance()
      eager.mergeFanIn = 2
      #expect(try await mesh.maintenance(eager).compactNow().merges > 0)
      #expect(try await mesh.catalog.liveFiles(of: table.id).count < 4)
      #expect(try await mesh.rows(of: table) == wanted)
      #expect(try await mesh.rows(of: table, at: before) == wanted)
      try await Self.expectFieldIDs(mesh, table)
    }
  }

  /// Every file, merged or not, has the ids that the catalog tells of.
  private static func expectFieldIDs(_ mesh: Mesh, _ table: TableRecord) async throws {
    let ids = zip(table.columnIDs, table.innerColumnIDs).flatMap { [$0] + $1 }
    for file in try await mesh.catalog.liveFiles(of: table.id) {
      let path = mesh.store.localPath(of: file.file.path)
      let found = try await mesh.query(
        """
        SELECT field_id FROM parquet_schema('\(path)')
        WHERE field_id IS NOT NULL AND field_id < 1000 ORDER BY field_id
        """)
      #expect(found.map { $0[0] } == ids.map(String.init))
    }
  }

  @Test func aNestedValueThatFailsAloneBecomesADeadLetter() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable(
        "nested", of: "acme",
        [
          ColumnDefinition(name: "id", type: .bigint),
          ColumnDefinition(
            name: "x", type: try ColumnType(sql: "STRUCT(p DECIMAL(4,1), b BLOB)[]")),
        ])
      // The edge lets none of these through; here they are planted behind it.
      let payloads = [
        #"{"id":0,"x":[{"p":"1.5","b":"AA=="}]}"#, #"{"id":1,"x":[{"p":"no number"}]}"#,
        #"{"id":2,"x":[{"b":"no base64"}]}"#, #"{"id":3,"x":[]}"#,
      ]
      try await running(mesh.coordinator()) { coordinator in
        try await mesh.wait(table, try await mesh.publish(table, payloads, telling: coordinator))
      }
      #expect(try await mesh.deadLetters(of: table).map(\.token.rawValue) == [2, 3])
      #expect(try await mesh.rows(of: table).count == 2)
      try await mesh.expectClean()
    }
  }
}

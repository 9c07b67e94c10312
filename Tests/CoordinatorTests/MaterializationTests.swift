import Catalog
import Coordinator
import Model
import Runtime
import Testing

/// From accepted events to typed rows.
@Suite struct MaterializationTests {
  private struct TypeCase {
    let type: ColumnType
    /// The value as the edge hands it on.
    let json: String
    /// Parquet's physical, converted and logical type.
    let parquet: String
    let expected: String
  }

  private static let cases = [
    TypeCase(type: .boolean, json: "true", parquet: "BOOLEAN", expected: "true"),
    TypeCase(type: .tinyint, json: "-128", parquet: "INT32 INT_8", expected: "-128"),
    TypeCase(type: .smallint, json: "-32768", parquet: "INT32 INT_16", expected: "-32768"),
    TypeCase(type: .integer, json: "2147483647", parquet: "INT32 INT_32", expected: "2147483647"),
    TypeCase(
      type: .bigint, json: "9223372036854775807", parquet: "INT64 INT_64",
      expected: "9223372036854775807"),
    TypeCase(type: .utinyint, json: "255", parquet: "INT32 UINT_8", expected: "255"),
    TypeCase(type: .usmallint, json: "65535", parquet: "INT32 UINT_16", expected: "65535"),
    TypeCase(type: .uinteger, json: "4294967295", parquet: "INT32 UINT_32", expected: "4294967295"),
    TypeCase(
      type: .ubigint, json: #""18446744073709551615""#, parquet: "INT64 UINT_64",
      expected: "18446744073709551615"),
    TypeCase(type: .float, json: "1.5", parquet: "FLOAT", expected: "1.5"),
    TypeCase(type: .double, json: "0.1", parquet: "DOUBLE", expected: "0.1"),
    TypeCase(
      type: .decimal(precision: 38, scale: 4), json: #""1234567890123456789012345678901234.5678""#,
      parquet: "FIXED_LEN_BYTE_ARRAY DECIMAL",
      expected: "1234567890123456789012345678901234.5678"),
    TypeCase(
      type: .varchar, json: #""say \"quack\" \ud83e\udd86\n""#, parquet: "BYTE_ARRAY UTF8",
      expected: "say \"quack\" \u{1F986}\n"),
    TypeCase(type: .blob, json: #""AAH/""#, parquet: "BYTE_ARRAY", expected: "\\x00\\x01\\xFF"),
    TypeCase(type: .date, json: #""2024-02-29""#, parquet: "INT32 DATE", expected: "2024-02-29"),
    TypeCase(
      type: .time, json: #""23:59:59.999999""#, parquet: "INT64 TIME_MICROS",
      expected: "23:59:59.999999"),
    TypeCase(
      type: .timestamp, json: #""2024-02-29 12:00:00.000001""#, parquet: "INT64 TIMESTAMP_MICROS",
      expected: "2024-02-29 12:00:00.000001"),
    TypeCase(
      type: .timestampTZ, json: #""2024-02-29T12:00:00+02:00""#,
      parquet: "INT64 TIMESTAMP_MICROS", expected: "2024-02-29 10:00:00+00"),
    TypeCase(
      type: .uuid, json: #""00000000-0000-4000-8000-00000000000f""#,
      parquet: "FIXED_LEN_BYTE_ARRAY", expected: "00000000-0000-4000-8000-00000000000f"),
    TypeCase(
      type: .json, json: #""{\"a\":[1,2.50]}""#, parquet: "BYTE_ARRAY JSON",
      expected: #"{"a":[1,2.50]}"#),
  ]

  @Test func everyTypeBecomesATypedColumnWithItsFieldID() async throws {
    try await withMesh { mesh in
      let cases = Self.cases
      let columns = cases.enumerated().map {
        ColumnDefinition(name: "c\($0.offset)", type: $0.element.type)
      }
      let table = try await mesh.makeTable("typed", of: "acme", columns)
      let members = cases.enumerated().map { "\"c\($0.offset)\":\($0.element.json)" }
      try await running(mesh.coordinator()) { coordinator in
        let token = try await mesh.publish(
          table, ["{" + members.joined(separator: ",") + "}", "{}"], telling: coordinator)
        try await mesh.wait(table, token)
      }
      let key = try #require(try await mesh.objects().first { $0.hasSuffix(".parquet") })
      let path = mesh.store.localPath(of: key)
      let schema = try await mesh.query(
        """
        SELECT name, concat_ws(' ', type, converted_type), field_id, logical_type
        FROM parquet_schema('\(path)') WHERE num_children IS NULL ORDER BY field_id
        """)
      try #require(schema.count == cases.count)
      let values = try await mesh.query(
        "SELECT * FROM read_parquet('\(path)') ORDER BY c4 NULLS LAST")
      #expect(values.count == 2)
      for (index, item) in cases.enumerated() {
        #expect(schema[index][0] == "c\(index)")
        #expect(schema[index][1] == item.parquet, "\(item.type.sqlName)")
        #expect(schema[index][2] == String(table.columnIDs[index]), "\(item.type.sqlName)")
        #expect(values[0][index] == item.expected, "\(item.type.sqlName)")
        #expect(values[1][index] == nil, "\(item.type.sqlName)")
      }
      // An instant and a local time differ only here.
      let adjusted = schema.filter { $0[3]?.contains("isAdjustedToUTC=1") == true }.map { $0[0] }
      #expect(adjusted.contains("c17") && !adjusted.contains("c16"), "\(adjusted)")
      try await mesh.expectClean()
    }
  }

  @Test(arguments: [1, 7, 500]) func onlyRecordsThatFailAloneBecomeDeadLetters(
    badEvery: Int
  ) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable(
        "prices", of: "acme",
        [
          ColumnDefinition(name: "id", type: .bigint),
          ColumnDefinition(name: "price", type: .decimal(precision: 6, scale: 2)),
        ])
      // The edge lets no such price through; here it is planted behind it.
      let bad = Set((0..<1_000).filter { $0 % badEvery == badEvery - 1 })
      let payloads = (0..<1_000).map { id in
        #"{"id":\#(id),"price":"\#(bad.contains(id) ? "not a price" : "12.25")"}"#
      }
      try await running(mesh.coordinator()) { coordinator in
        let token = try await mesh.publish(table, payloads, telling: coordinator)
        try await mesh.wait(table, token)
      }
      let letters = try await mesh.deadLetters(of: table)
      #expect(letters.map { Int($0.token.rawValue) - 1 } == bad.sorted())
      #expect(letters.allSatisfy { $0.reason == "CAST_FAILED" && !$0.message.isEmpty })
      #expect(letters.allSatisfy { !$0.message.contains(mesh.folder) })
      let expected = (0..<1_000).filter { !bad.contains($0) }
      #expect(
        try await mesh.rows(of: table)
          == expected.map { #"{"id":\#($0),"price":12.25}"# }.sorted())
      let account = try await mesh.account(of: table)
      #expect(account.counts.inserted == Int64(expected.count))
      #expect(account.counts.deadLettered == Int64(bad.count))
      #expect(account.isBalanced && account.pending == 0)
      try await mesh.expectClean()
    }
  }

  @Test func recordsThatTheEdgeFoundBadAreSetAsideWithTheirReason() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await mesh.publish(
        table, [row(1), #"{"id":"one"}"#, row(3)], rejections: [1: "id: expected BIGINT"])
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(table, VisibilityToken(3))
      }
      let letters = try await mesh.deadLetters(of: table)
      #expect(letters.map(\.token.rawValue) == [2])
      #expect(letters.first?.reason == "SCHEMA_VIOLATION")
      #expect(letters.first?.message == "id: expected BIGINT")
      #expect(letters.first?.payload == Array(#"{"id":"one"}"#.utf8))
      #expect(try await mesh.rows(of: table) == [row(1), row(3)])
      try await mesh.expectClean()
    }
  }

  @Test func eventsPendingAtTheDropOfTheirTableBecomeDeadLetters() async throws {
    try await withMesh { mesh in
      let doomed = try await mesh.makeTable("doomed")
      let other = try await mesh.makeTable("other")
      try await running(mesh.coordinator()) { coordinator in
        try await mesh.wait(
          doomed, try await mesh.publishRows(doomed, 0..<5, telling: coordinator))
      }
      try await mesh.publish(doomed, (5..<12).map(row))
      try await mesh.publish(other, (0..<3).map(row))
      _ = try await mesh.catalog.dropTable(named: "doomed", tenant: doomed.tenant)
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(other, VisibilityToken(15))
      }
      let letters = try await mesh.deadLetters(of: doomed)
      #expect(letters.map(\.token.rawValue) == Array(6...12))
      #expect(letters.allSatisfy { $0.reason == "TABLE_DROPPED" })
      #expect(try await mesh.rows(of: other) == (0..<3).map(row))
      let account = try await mesh.account(of: other)
      #expect(account.counts.inserted == 8 && account.counts.deadLettered == 7)
      #expect(account.isBalanced && account.pending == 0)
      try await mesh.expectClean()
    }
  }

  @Test func aTableDroppedBetweenFileAndCommitCostsOnlyItsOwnEvents() async throws {
    try await withMesh { mesh in
      let doomed = try await mesh.makeTable("doomed")
      let other = try await mesh.makeTable("other")
      try await mesh.publish(doomed, (0..<4).map(row))
      try await mesh.publish(other, (0..<3).map(row))
      let drop = FailingTimes(1)
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        if drop.isFailing {
          _ = try? await mesh.catalog.dropTable(named: "doomed", tenant: doomed.tenant)
        }
        return try await perform(commit)
      }
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(other, VisibilityToken(7))
      }
      #expect(try await mesh.deadLetters(of: doomed).map(\.token.rawValue) == Array(1...4))
      #expect(try await mesh.rows(of: other) == (0..<3).map(row))
      // The file that the dropped table had already got is taken away again.
      try await mesh.expectClean()
    }
  }
}

import DuckDB
import Edge
import Model
import SimdJSON
import Testing

@Suite struct SampleInferenceTests {
  private static func schema(_ sample: String) throws -> TableSchema {
    try SampleInference.schema(of: try JSONValue(parsing: Array(sample.utf8)))
  }

  /// One column's values, as JSON, with the type that is proposed.
  private static let proposals: [(values: [String], type: String)] = [
    (["true", "null", "false"], "BOOLEAN"),
    (["1", "-5", "9223372036854775807"], "BIGINT"),
    (["1", "18446744073709551615"], "UBIGINT"),
    (["-1", "18446744073709551615"], "DECIMAL(38,0)"),
    (["1e400"], "JSON"),
    (["1", "2.5"], "DOUBLE"), (["1.0"], "DOUBLE"), (["1e2", "7"], "DOUBLE"),
    ([#""2024-02-29""#, #""1969-12-31""#], "DATE"),
    ([#""2024-02-29T12:00:00""#, #""2024-02-29T12:00:00.5""#], "TIMESTAMP"),
    ([#""2024-02-29T12:00:00Z""#, #""2024-02-29T12:00:00+02:00""#], "TIMESTAMPTZ"),
    ([#""12:00:00""#, #""23:59:59.999999""#], "TIME"),
    ([#""6ccd780c-baba-1026-9564-5b8c656024db""#], "UUID"),
    ([#""2024-02-30""#], "VARCHAR"), ([#""2024-02-29""#, #""x""#], "VARCHAR"),
    ([#""5""#, #""""#], "VARCHAR"), ([#""2024-02-29""#, #""12:00:00""#], "VARCHAR"),
    (["null"], "JSON"), (["[1]"], "JSON"), ([#"{"a": 1}"#], "JSON"),
    (["1", #""a""#], "JSON"), (["true", "1"], "JSON"), ([#""a\u0000b""#], "JSON"),
  ]

  @Test func aColumnGetsTheNarrowestTypeOfAllItsValues() throws {
    for (values, type) in Self.proposals {
      for order in [values, values.reversed()] {
        let records = order.map { #"{"c": \#($0)}"# }.joined(separator: ",")
        let column = try #require(try Self.schema("[\(records)]").columns.first)
        #expect(column.type == (try ColumnType(sql: type)), "\(order)")
        #expect(column.isNullable && column.defaultValue == nil)
      }
    }
  }

  @Test func theTableThatIsProposedTakesTheWholeSample() throws {
    for (values, _) in Self.proposals {
      let payloads = values.map { #"{"c": \#($0)}"# }
      let schema = try Self.schema("[\(payloads.joined(separator: ","))]")
      let table = IngestTable(tenant: TenantID(1), table: TableID(1), schema: schema)
      let records = payloads.enumerated().map {
        #"{"idempotency_key": "\#($0)", "op": "insert", "payload": \#($1)}"#
      }
      let request = try IngestParser(limits: IngestLimits()).parse(
        Array(#"{"records": [\#(records.joined(separator: ","))]}"#.utf8), for: table)
      #expect(request.violationCount == 0, "\(values): \(request.violations)")
    }
  }

  @Test func columnsComeInTheOrderInWhichTheyAreNamed() throws {
    let schema = try Self.schema(#"[{"b": 1}, {"a": 1, "b": null}, {"c": "x", "a": 2.5}]"#)
    #expect(schema.columns.map(\.name) == ["b", "a", "c"])
    #expect(schema.columns.map(\.type) == [.bigint, .double, .varchar])
  }

  @Test func whatIsNoSampleIsRefused() throws {
    #expect(throws: SampleInference.Failure.notRecords) { try Self.schema("{}") }
    #expect(throws: SampleInference.Failure.notRecords) { try Self.schema("[1]") }
    #expect(throws: SampleInference.Failure.noRecords) { try Self.schema("[]") }
    #expect(throws: SampleInference.Failure.noRecords) { try Self.schema("[{}]") }
    #expect(
      throws: SampleInference.Failure.schema(.column("a", .duplicateName))
    ) { try Self.schema(#"[{"A": 1, "a": 1}]"#) }
    let wide = (0...TableSchema.maxColumns).map { #""c\#($0)": 1"# }.joined(separator: ",")
    #expect(throws: SampleInference.Failure.schema(.tooManyColumns)) {
      try Self.schema("[{\(wide)}]")
    }
    let many = Array(repeating: #"{"a":1}"#, count: SampleInference.maxRecords + 1)
    #expect(throws: SampleInference.Failure.tooManyRecords) {
      try Self.schema("[\(many.joined(separator: ","))]")
    }
  }

  /// DuckDB's own reader finds the same kinds of values, where both tell them apart.
  @Test func theEnginesOwnDetectionAgrees() throws {
    let connection = try DuckDBInstance(DuckDBInstance.Options(threads: 1)).connect()
    let kinds = [
      (["true"], "BOOLEAN"), (["-1", "-5"], "BIGINT"), (["1", "2"], "BIGINT"),
      (["1", "2.5"], "DOUBLE"),
      ([#""2024-02-29""#], "VARCHAR"), ([#""x""#], "VARCHAR"), (["null"], "NULL"),
    ]
    for (values, type) in kinds {
      let texts = values.map { SQLText.literal(#"{"c": \#($0)}"#) }.joined(separator: ", ")
      let answer = try connection.query(
        """
        SELECT json_group_structure(v)->>'$.c' AS c
        FROM (SELECT unnest([\(texts)])::JSON AS v)
        """)
      let found = answer.value("c")?.string
      // Unsigned where nothing is negative: a column that is to grow takes the signed type.
      #expect(found?.replacing("UBIGINT", with: "BIGINT") == type)
      let records = values.map { #"{"c": \#($0)}"# }.joined(separator: ",")
      let ours = try #require(try Self.schema("[\(records)]").columns.first)
      #expect(
        ours.type.sqlName == type || (type == "VARCHAR" && ours.type == .date)
          || (type == "NULL" && ours.type == .json))
    }
  }
}

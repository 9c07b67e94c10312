import DuckDB
import Foundation
import Rendering
import Testing

struct VariantTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
  }

  @Test(arguments: [
    ("true", DuckDBValue.bool(true)), ("NULL", .null), ("(-5)::TINYINT", .int64(-5)),
    ("70000::UINTEGER", .uint64(70_000)), ("'x'", .string("x")), ("''", .string("")),
    ("'a string of more than twelve bytes'", .string("a string of more than twelve bytes")),
    ("170141183460469231731687303715884105727::HUGEINT", .hugeint(.max)),
    ("1.5::FLOAT", .float(1.5)), ("-0.25::DOUBLE", .double(-0.25)),
    ("12.345::DECIMAL(9,3)", .decimal(unscaled: 12_345, width: 9, scale: 3)),
    ("'\\xFF\\x00'::BLOB", .blob([0xFF, 0])), ("DATE '1970-01-02'", .date(days: 1)),
    ("TIME '00:00:01'", .time(microseconds: 1_000_000)),
    ("TIMESTAMP '1970-01-01 00:00:01'", .timestamp(microseconds: 1_000_000)),
    ("TIMESTAMPTZ '1970-01-01 00:00:01Z'", .timestampWithTimeZone(microseconds: 1_000_000)),
    ("TIMESTAMP_S '1970-01-01 00:00:01'", .timestamp(microseconds: 1_000_000)),
    ("TIMESTAMP_NS '1970-01-01 00:00:01'", .timestampNanoseconds(1_000_000_000)),
    ("INTERVAL '1 month 2 days 3 seconds'", .interval(months: 1, days: 2, microseconds: 3_000_000)),
    ("'00000000-0000-0000-0000-000000000001'::UUID", .uuid(1)), ("'101'::BIT", .bit("101")),
    ("[1, NULL]", .list([.int64(1), .null])),
    ("{'a': {'b': [true]}}", .struct([.init("a", .struct([.init("b", .list([.bool(true)]))]))])),
  ])
  func `a variant reads as what it holds`(sql: String, value: DuckDBValue) throws {
    #expect(try connection.query("SELECT (\(sql))::VARIANT").rows == [[value]])
  }

  @Test func `variants of many shapes render as DuckDB's to_json`() throws {
    try connection.execute(
      """
      CREATE TABLE v AS SELECT i, CASE i % 6 WHEN 0 THEN i::VARIANT WHEN 1 THEN ('s' || i)::VARIANT
        WHEN 2 THEN {'a': i, 'b': ['x', NULL], 'c': {'d': i % 4 = 0}}::VARIANT
        WHEN 3 THEN [i, i + 1]::VARIANT WHEN 4 THEN NULL ELSE {'z': i / 2}::VARIANT END AS v
      FROM range(5000) r(i)
      """)
    for sql in ["v FROM v ORDER BY i", "[v, NULL] FROM v ORDER BY i", "{'w': v} FROM v ORDER BY i"]
    {
      let ours = try parsedRows("SELECT \(sql)", on: connection)
      let expression = sql.replacingOccurrences(of: " FROM", with: ") FROM")
      let theirs = try parsedRows("SELECT to_json(\(expression)", on: connection)
      #expect(ours.count == 5_000)
      #expect(ours == theirs, "\(sql)")
    }
  }

  @Test func `a CSV field holds a variant as JSON`() throws {
    let rendered = try render(
      "SELECT {'a': 'b'}::VARIANT AS v UNION ALL SELECT NULL", as: .csv, on: connection)
    #expect(rendered == "v\r\n\"{\"\"a\"\":\"\"b\"\"}\"\r\n\r\n")
  }
}

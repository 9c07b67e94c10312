import DuckDB
import Foundation
import Rendering
import Testing

/// The JSON form of the smallest and the largest value of a type, and of NULL.
struct TypeForm: Sendable {
  let column: String
  let json: String

  init(_ column: String, _ json: String) {
    self.column = column
    self.json = json
  }
}

/// The documented mapping, column by column of `test_all_types()`.
private let ducks = String(repeating: "🦆", count: 6)
private let integers = "[42,999,null,null,-42]"
private let texts = #"["\#(ducks)","goose",null,""]"#
private let emptyStruct = #"{"a":null,"b":null}"#
private let fullStruct = #"{"a":42,"b":"\#(ducks)"}"#
private let scalarForms = [
  TypeForm("bool", "[false],[true],[null]"),
  TypeForm("tinyint", "[-128],[127],[null]"),
  TypeForm("smallint", "[-32768],[32767],[null]"),
  TypeForm("int", "[-2147483648],[2147483647],[null]"),
  TypeForm("bigint", "[-9223372036854775808],[9223372036854775807],[null]"),
  TypeForm(
    "hugeint",
    #"["-170141183460469231731687303715884105728"],"#
      + #"["170141183460469231731687303715884105727"],[null]"#),
  TypeForm("uhugeint", #"["0"],["340282366920938463463374607431768211455"],[null]"#),
  TypeForm("utinyint", "[0],[255],[null]"),
  TypeForm("usmallint", "[0],[65535],[null]"),
  TypeForm("uint", "[0],[4294967295],[null]"),
  TypeForm("ubigint", "[0],[18446744073709551615],[null]"),
  TypeForm("date", #"["-5877641-06-25"],["+5881580-07-10"],[null]"#),
  TypeForm("time", #"["00:00:00"],["24:00:00"],[null]"#),
  TypeForm("time_ns", #"["00:00:00"],["24:00:00"],[null]"#),
  TypeForm("timestamp", #"["-290308-12-22T00:00:00"],["+294247-01-10T04:00:54.775806"],[null]"#),
  TypeForm("timestamp_s", #"["-290308-12-22T00:00:00"],["+294247-01-10T04:00:54"],[null]"#),
  TypeForm("timestamp_ms", #"["-290308-12-22T00:00:00"],["+294247-01-10T04:00:54.775"],[null]"#),
  TypeForm("timestamp_ns", #"["1677-09-22T00:00:00"],["2262-04-11T23:47:16.854775806"],[null]"#),
  TypeForm("time_tz", #"["00:00:00+15:59:59"],["24:00:00-15:59:59"],[null]"#),
  TypeForm(
    "timestamp_tz", #"["-290308-12-22T00:00:00Z"],["+294247-01-10T04:00:54.775806Z"],[null]"#),
  TypeForm(
    "timestamp_tz_ns", #"["1677-09-22T00:00:00Z"],["2262-04-11T23:47:16.854775806Z"],[null]"#),
  TypeForm("float", "[-3.4028235e+38],[3.4028235e+38],[null]"),
  TypeForm("double", "[-1.7976931348623157e+308],[1.7976931348623157e+308],[null]"),
  TypeForm("dec_4_1", #"["-999.9"],["999.9"],[null]"#),
  TypeForm("dec_9_4", #"["-99999.9999"],["99999.9999"],[null]"#),
  TypeForm("dec_18_6", #"["-999999999999.999999"],["999999999999.999999"],[null]"#),
  TypeForm(
    "dec38_10",
    #"["-9999999999999999999999999999.9999999999"],"#
      + #"["9999999999999999999999999999.9999999999"],[null]"#),
  TypeForm(
    "uuid",
    #"["00000000-0000-0000-0000-000000000000"],["ffffffff-ffff-ffff-ffff-ffffffffffff"],[null]"#),
  TypeForm("interval", #"["PT0S"],["P83Y3M999DT16M39.999999S"],[null]"#),
  TypeForm("varchar", #"["\#(ducks)"],["goo\u0000se"],[null]"#),
  TypeForm("blob", #"["dGhpc2lzYWxvbmdibG9iAHdpdGhudWxsYnl0ZXM="],["AAAAYQ=="],[null]"#),
  TypeForm("bit", #"["0010001001011100010101011010111"],["10101"],[null]"#),
  TypeForm("small_enum", #"["DUCK_DUCK_ENUM"],["GOOSE"],[null]"#),
  TypeForm("medium_enum", #"["enum_0"],["enum_299"],[null]"#),
  TypeForm("large_enum", #"["enum_0"],["enum_69999"],[null]"#),
]
private let nestedForms = [
  TypeForm("int_array", "[[]],[\(integers)],[null]"),
  TypeForm(
    "double_array", #"[[]],[[42.0,"NaN","Infinity","-Infinity",null,-42.0]],[null]"#),
  TypeForm(
    "date_array", #"[[]],[["1970-01-01","infinity","-infinity",null,"2022-05-12"]],[null]"#),
  TypeForm(
    "timestamp_array",
    #"[[]],[["1970-01-01T00:00:00","infinity","-infinity",null,"2022-05-12T16:23:45"]],[null]"#),
  TypeForm(
    "timestamptz_array",
    #"[[]],[["1970-01-01T00:00:00Z","infinity","-infinity",null,"2022-05-12T23:23:45Z"]],[null]"#),
  TypeForm("varchar_array", "[[]],[\(texts)],[null]"),
  TypeForm("nested_int_array", "[[]],[[[],\(integers),null,[],\(integers)]],[null]"),
  TypeForm("struct", "[\(emptyStruct)],[\(fullStruct)],[null]"),
  TypeForm("empty_struct", "[{}],[{}],[null]"),
  TypeForm(
    "struct_of_arrays", #"[\#(emptyStruct)],[{"a":\#(integers),"b":\#(texts)}],[null]"#),
  TypeForm("array_of_structs", "[[]],[[\(emptyStruct),\(fullStruct),null]],[null]"),
  TypeForm("map", #"[{}],[{"key1":"\#(ducks)","key2":"goose"}],[null]"#),
  TypeForm("union", #"[{"name":"Frank"}],[{"age":5}],[null]"#),
  TypeForm("fixed_int_array", "[[null,2,3]],[[4,5,6]],[null]"),
  TypeForm("fixed_varchar_array", #"[["a",null,"c"]],[["d","e","f"]],[null]"#),
  TypeForm(
    "fixed_nested_int_array",
    "[[[null,2,3],null,[null,2,3]]],[[[4,5,6],[null,2,3],[4,5,6]]],[null]"),
  TypeForm(
    "fixed_nested_varchar_array",
    #"[[["a",null,"c"],null,["a",null,"c"]]],"#
      + #"[[["d","e","f"],["a",null,"c"],["d","e","f"]]],[null]"#),
  TypeForm(
    "fixed_struct_array",
    "[[\(emptyStruct),\(fullStruct),\(emptyStruct)]],[[\(fullStruct),\(emptyStruct),\(fullStruct)]],[null]"
  ),
  TypeForm(
    "struct_of_fixed_array",
    #"[{"a":[null,2,3],"b":["a",null,"c"]}],[{"a":[4,5,6],"b":["d","e","f"]}],[null]"#),
  TypeForm(
    "fixed_array_of_int_list",
    "[[[],\(integers),[]]],[[\(integers),[],\(integers)]],[null]"),
  TypeForm(
    "list_of_fixed_int_array",
    "[[[null,2,3],[4,5,6],[null,2,3]]],[[[4,5,6],[null,2,3],[4,5,6]]],[null]"),
  TypeForm("tuple", #"[[null,null]],[[42,"\#(ducks)"]],[null]"#),
]
/// Types whose value is compared with DuckDB's own text instead: too long, or in another form.
private let formsByCast = ["bignum", "geometry"]

struct TypeFormTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
  }

  @Test(arguments: scalarForms + nestedForms)
  func `a type has its documented JSON form`(form: TypeForm) throws {
    let sql = "SELECT \(sqlIdentifier(form.column)) FROM test_all_types()"
    #expect(try render(sql, as: .json, on: connection) == form.json)
    #expect(try parsedRows(sql, on: connection).count == 3)
  }

  @Test func `every column of test_all_types has an expected form`() throws {
    let columns = try connection.query("FROM test_all_types()").columns.map(\.name)
    let expected = (scalarForms + nestedForms).map(\.column) + formsByCast
    #expect(Set(columns) == Set(expected))
  }

  @Test func `a BIGNUM is its decimal digits`() throws {
    for sql in [
      "SELECT bignum FROM test_all_types()",
      "SELECT (i * i * i - 7)::BIGNUM AS bignum FROM range(-40, 40) r(i)",
    ] {
      let expected = try connection.query("SELECT bignum::VARCHAR FROM (\(sql))")
      let rows = try parsedRows(sql, on: connection)
      for (row, expectedRow) in zip(rows, expected.rows) {
        #expect(row[0] as? String == expectedRow[0].string)
      }
      #expect(rows.count == expected.rows.count)
    }
  }

  @Test func `a GEOMETRY is the base64 of its well-known binary`() throws {
    let rows = try parsedRows("SELECT geometry FROM test_all_types()", on: connection)
    let point = try #require((rows[0][0] as? String).flatMap { Data(base64Encoded: $0) })
    // Little endian, type 1 (point), two NaN coordinates: POINT EMPTY.
    #expect(point.prefix(5) == Data([1, 1, 0, 0, 0]))
    #expect(point.count == 21)
    #expect(rows[2][0] is NSNull)
  }

  /// DuckDB's own conversion to JSON is the oracle for the types whose forms agree.
  @Test func `agrees with DuckDB's to_json where the forms are the same`() throws {
    let same = [
      "bool", "tinyint", "smallint", "int", "bigint", "utinyint", "usmallint", "uint", "ubigint",
      "double", "varchar", "bit", "uuid", "small_enum", "medium_enum", "large_enum", "int_array",
      "varchar_array", "nested_int_array", "struct", "empty_struct", "struct_of_arrays",
      "array_of_structs", "map", "union", "fixed_int_array", "fixed_nested_varchar_array",
      "struct_of_fixed_array", "fixed_array_of_int_list", "list_of_fixed_int_array", "tuple",
    ]
    for name in same.map(sqlIdentifier) {
      let ours = try parsedRows("SELECT \(name) FROM test_all_types()", on: connection)
      let theirs = try parsedRows("SELECT to_json(\(name)) FROM test_all_types()", on: connection)
      #expect(ours == theirs, "column \(name)")
    }
  }

  @Test func `types are named as DuckDB names them`() throws {
    let described = try connection.query(
      "SELECT column_name, column_type FROM (DESCRIBE FROM test_all_types())")
    let result = try connection.prepare("FROM test_all_types()").execute()
    // Keywords are quoted by DuckDB and not by us.
    for (column, row) in zip(result.columns, described.rows) where column.name != "union" {
      #expect(column.name == row[0].string)
      #expect(column.type.description == row[1].string)
    }
    #expect(result.columns.count == described.rows.count)
  }

  @Test func `every value reads as a DuckDBValue`() throws {
    let table = try connection.query("FROM test_all_types()")
    #expect(table.rows.count == 3)
    let hasOnlyNulls = table.rows[2].allSatisfy(\.isNull)
    #expect(hasOnlyNulls)
    #expect(!table.rows[0].contains(.null))
    #expect(table.value("hugeint", row: 1) == .hugeint(.max))
    #expect(table.value("uuid", row: 1) == .uuid(.max))
    #expect(
      table.value("dec38_10", row: 1)
        == .decimal(
          unscaled: 99_999_999_999_999_999_999_999_999_999_999_999_999, width: 38, scale: 10))
    #expect(
      table.value("interval", row: 1)
        == .interval(months: 999, days: 999, microseconds: 999_999_999))
    #expect(
      table.value("time_tz", row: 1)
        == .timeWithTimeZone(microseconds: 86_400_000_000, offsetSeconds: -57_599))
    #expect(table.value("bit", row: 1) == .bit("10101"))
    #expect(table.value("map", row: 1)?["key2"] == .string("goose"))
    #expect(table.value("struct", row: 1)?["a"] == .int64(42))
    #expect(table.value("union", row: 1) == .int64(5))
    #expect(table.value("large_enum", row: 1) == .string("enum_69999"))
  }

  @Test func `time zone types end in Z whatever the session's time zone`() throws {
    try connection.execute("SET TimeZone = 'America/New_York'")
    let rows = try render(
      "SELECT TIMESTAMPTZ '2024-07-01 12:00:00+00', TIMETZ '12:00:00+00', TIMETZ '01:02:03.5-05:30'",
      as: .json, on: connection)
    #expect(rows == #"["2024-07-01T12:00:00Z","12:00:00Z","01:02:03.5-05:30"]"#)
  }

  @Test(arguments: [
    ("INTERVAL '-14 months'", "P-1Y-2M"), ("INTERVAL '36 hours 1 second'", "PT36H1S"),
    ("INTERVAL '-1.5 seconds'", "PT-1.5S"), ("INTERVAL '1 day'", "P1D"),
    ("INTERVAL '1 month -1 day 90 minutes'", "P1M-1DT1H30M"),
  ])
  func `an interval is an ISO 8601 duration`(sql: String, expected: String) throws {
    #expect(try render("SELECT \(sql)", as: .json, on: connection) == "[\"\(expected)\"]")
  }

  @Test func `big integers become strings when asked, also inside nested values`() throws {
    let rendered = try render(
      "SELECT 1::BIGINT, 2::UBIGINT, 3::INTEGER, [4::BIGINT], {'a': 5::UBIGINT}", as: .json,
      on: connection, bigIntsAsStrings: true)
    #expect(rendered == #"["1","2",3,["4"],{"a":"5"}]"#)
  }

  @Test func `days of many years agree with DuckDB's own calendar`() throws {
    let sql = "SELECT DATE '0001-01-01' + (i * 131)::INTEGER AS d FROM range(27000) r(i)"
    let ours = try render("SELECT d FROM (\(sql))", as: .csv, on: connection)
    let theirs = try render("SELECT d::VARCHAR AS d FROM (\(sql))", as: .csv, on: connection)
    #expect(ours == theirs)
  }
}

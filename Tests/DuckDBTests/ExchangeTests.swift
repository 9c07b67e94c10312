import DuckDB
import Foundation
import Rendering
import Testing

/// Arrow and Parquet, read by Arrow's own library.
@Suite struct ExchangeTests {
  /// Every type at its least and greatest value and NULL, with the numbers that fit in place of
  /// those that do not.
  private static let allTypes = """
    SELECT * REPLACE (
      CASE WHEN hugeint IS NULL THEN NULL ELSE sign(hugeint)::HUGEINT
        * 99999999999999999999999999999999999999::HUGEINT END AS hugeint,
      CASE WHEN uhugeint IS NULL THEN NULL ELSE least(uhugeint,
        99999999999999999999999999999999999999::UHUGEINT) END AS uhugeint),
      '{"a": [1, null]}'::JSON AS json, [1::HUGEINT, NULL] AS hugeints,
      MAP {'k': 2::HUGEINT} AS hugeint_map, {'b': '101'::BIT, 'n': 3::HUGEINT} AS wide_struct,
      NULL AS untyped, {'e': 'x'::ENUM('x', 'y'), 'l': ['y'::ENUM('x', 'y')]} AS nested_enums
    FROM test_all_types()
    """

  @Test(arguments: ["arrow", "parquet"])
  func everyTypeComesOutAsItWentIn(form: String) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    let outcome = try await onOwnThread { try Exchange().write(Self.allTypes, form, to: path) }
    #expect(outcome.rowCount == 3)
    let expected = try await onOwnThread {
      try Exchange().texts("SELECT * REPLACE (\(Self.shown[form] ?? "")) FROM (\(Self.allTypes))")
    }
    let table = try await ExchangedTable.read(path, form: form)
    #expect(table.columns.map(\.name) == expected.map(\.name))
    for (got, wanted) in zip(table.columns, expected) {
      #expect(got.values == wanted.values, "\(wanted.name), read as \(got.type)")
    }
  }

  /// What the forms make of the types that they lack, and instants as the oracle tells them.
  private static let shown = ["arrow": common, "parquet": common + ", " + taggedUnion]
  private static let common = """
    timestamp_tz AT TIME ZONE 'UTC' AS timestamp_tz,
    left(timestamp_tz_ns::VARCHAR, -3) AS timestamp_tz_ns, st_aswkb(geometry)::BLOB AS geometry,
    CASE WHEN tuple IS NULL THEN NULL ELSE {'element1': tuple[1], 'element2': tuple[2]} END AS tuple
    """
  private static let taggedUnion = """
    CASE WHEN "union" IS NULL THEN NULL ELSE {'element1': enum_code(union_tag("union")),
      'name': "union"."name", 'age': "union".age} END AS "union"
    """

  @Test(arguments: [
    ("bool", "bool"), ("hugeint", "decimal128(38, 0)"), ("uuid", "string"),
    ("small_enum", "dictionary<values=string, indices=uint8, ordered=0>"),
    ("interval", "month_day_nano_interval"), ("timestamp_tz", "timestamp[us, tz=UTC]"),
    ("fixed_int_array", "fixed_size_list<: int32>[3]"), ("dec_18_6", "decimal128(18, 6)"),
    ("union", "sparse_union<name: string=0, age: int16=1>"), ("bit", "string"),
    ("map", "map<string, string>"), ("untyped", "null"),
  ])
  func arrowNamesEachTypeAsOtherProgramsDo(column: String, type: String) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    _ = try await onOwnThread { try Exchange().write(Self.allTypes, "arrow", to: path) }
    #expect(try await ExchangedTable.read(path, form: "arrow").column(column).type == type)
  }

  @Test(arguments: ["arrow", "parquet"], ["hugeint", "uhugeint"])
  func aNumberThatIsTooWideIsRefusedAndNotRounded(form: String, column: String) async throws {
    let folder = try TemporaryFolder()
    let error = try await onOwnThread {
      #expect(throws: DuckDBError.self) {
        try Exchange().write(
          "SELECT \(column) FROM test_all_types()", form, to: folder.path + "/answer")
      }
    }
    #expect(error?.kind == .conversion)
  }

  /// NULL bits, text and lists of many chunks, so that each begins anew at its first value.
  private static let manyRows = """
    SELECT range AS id, CASE WHEN range % 3 > 0 THEN 'n' || range END AS name,
      CASE WHEN range % 5 > 0 THEN [range, NULL, -range] END AS numbers,
      (range % 7 = 0) AS flag, ('e' || range % 2)::ENUM('e0', 'e1') AS label
    FROM range(10001)
    """

  @Test(arguments: [0, 1, 2_047, 2_048, 2_049, 10_000, 10_001, 10_002])
  func anArrowStreamIsCutWithinAnyChunk(limit: Int) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    let (outcome, expected) = try await onOwnThread {
      let exchange = try Exchange()
      return (
        try exchange.writeArrow(Self.manyRows, to: path, upTo: limit),
        try exchange.texts(Self.manyRows + " LIMIT \(limit)")
      )
    }
    #expect(outcome.rowCount == min(limit, 10_001))
    #expect(outcome.truncated == (limit < 10_001))
    let table = try await ExchangedTable.read(path, form: "arrow")
    #expect(table.columns.map(\.name) == ["id", "name", "numbers", "flag", "label"])
    #expect(table.columns.map(\.values) == expected.map(\.values))
  }

  @Test(arguments: ["arrow", "parquet"], [2_048, 2_049, 10_001])
  func aScannedResultIsCutWithinAnyChunk(form: String, limit: Int) async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    let outcome = try await onOwnThread {
      // The wide column is one that must be converted.
      try Exchange().write(
        "SELECT *, id::HUGEINT AS wide FROM (\(Self.manyRows))", form, to: path, upTo: limit)
    }
    #expect(outcome.rowCount == limit)
    #expect(outcome.truncated == (limit < 10_001))
    let table = try await ExchangedTable.read(path, form: form)
    #expect(try table.column("id").values == (0..<limit).map { String($0) })
    #expect(try table.column("wide").values == (0..<limit).map { String($0) })
  }

  @Test func valuesLargerThanAPieceArriveWhole() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    let sql = "SELECT repeat(chr(97 + range::INT), 700001 + range::INT) AS text FROM range(5)"
    try await onOwnThread { _ = try Exchange().writeArrow(sql, to: path) }
    let table = try await ExchangedTable.read(path, form: "arrow")
    let texts = try table.column("text").values
    #expect(texts.map { $0?.utf8.count } == (0..<5).map { 700_001 + $0 })
    #expect(texts.map { $0.map { Set($0.utf8).count } } == [1, 1, 1, 1, 1])
  }

  @Test func namesMayRepeatOrBeAnythingInArrow() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/answer"
    try await onOwnThread {
      _ = try Exchange().writeArrow(#"SELECT 1 AS a, 2 AS a, 3 AS "ü ""€""", NULL AS n"#, to: path)
    }
    let table = try await ExchangedTable.read(path, form: "arrow")
    #expect(table.columns.map(\.name) == ["a", "a", #"ü "€""#, "n"])
    #expect(table.columns.map(\.values) == [["1"], ["2"], ["3"], [nil]])
  }

  @Test(arguments: ["arrow", "parquet"])
  func anErrorAmongTheRowsIsTheStatementsOwn(form: String) async throws {
    let folder = try TemporaryFolder()
    let error = try await onOwnThread {
      #expect(throws: DuckDBError.self) {
        try Exchange().write(
          "SELECT CAST(CASE WHEN range = 90000 THEN 'x' ELSE '1' END AS HUGEINT) FROM range(100000)",
          form, to: folder.path + "/answer")
      }
    }
    #expect(error?.kind == .conversion)
    #expect(error?.message.contains("Could not convert string 'x'") == true)
  }
}

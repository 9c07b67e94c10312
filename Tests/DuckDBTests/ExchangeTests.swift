import DuckDB
import Foundation
import Rendering
import Testing

/// Arrow and Parquet, read by Arrow's own library.
@Suite struct ExchangeTests {
  /// The types whose extreme values have more digits than either form.
  private static let wide: Set<String> = ["hugeint", "uhugeint"]

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
    let expected = try await onOwnThread { try Exchange().expected(Self.allTypes) }
    let outcome = try await onOwnThread { try Exchange().write(Self.allTypes, form, to: path) }
    #expect(outcome.rowCount == 3)
    let table = try await ExchangedTable.read(path, form: form)
    #expect(table.columns.map(\.name) == expected.map(\.name))
    for (got, wanted) in zip(table.columns, expected) {
      let normal = Self.normalised(wanted, form)
      #expect(got.values == normal, "\(wanted.name), read as \(got.type)")
    }
  }

  /// The few texts in which two engines differ over the same value.
  private static func normalised(_ column: Exchange.Column, _ form: String) -> [String?] {
    column.values
  }

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
}

import Edge
import Model
import Testing

/// Which JSON values each column type takes, at its limits.
@Suite struct ColumnValueTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let type: ColumnType
    let accepted: [String]
    let refused: [String]
    var testDescription: String { type.sqlName }
  }

  static let integers = [
    Case(
      type: .tinyint, accepted: ["127", "-128", "0", "-0", "5.0", "5e0", "1.27e2", "-0.0"],
      refused: ["128", "-129", "1.7", "\"5\"", "true", "[5]", "{}", "1e-1", "1e400"]),
    Case(type: .smallint, accepted: ["32767", "-32768"], refused: ["32768", "-32769"]),
    Case(
      type: .integer, accepted: ["2147483647", "-2147483648"],
      refused: ["2147483648", "-2147483649"]),
    Case(
      type: .bigint,
      accepted: [
        "9223372036854775807", "-9223372036854775808", "9007199254740993.0",
        "9.223372036854775807e18",
      ],
      refused: [
        "9223372036854775808", "-9223372036854775809", "\"5\"", "1e19",
        "100000000000000000000000000000000",
      ]),
    Case(type: .utinyint, accepted: ["0", "255", "-0"], refused: ["256", "-1", "\"1\""]),
    Case(type: .usmallint, accepted: ["65535"], refused: ["65536", "-1"]),
    Case(type: .uinteger, accepted: ["4294967295"], refused: ["4294967296", "-1"]),
    Case(
      type: .ubigint,
      accepted: ["18446744073709551615", "\"18446744073709551615\"", "\"0\"", "1e19"],
      refused: [
        "18446744073709551616", "\"18446744073709551616\"", "-1", "\"-1\"", "\"01\"", "\"1.0\"",
        "\" 1\"", "\"\"", "\"1e1\"",
      ]),
  ]

  static let numbers = [
    Case(
      type: .double,
      accepted: [
        "0", "-0.0", "1e308", "1.7976931348623157e308", "4.9e-324", "1e-400", "0e999999999999",
        "123456789012345678901234567890",
      ],
      refused: ["1e309", "1e400", "-1e400", "1.7976931348623159e308", "\"1\"", "\"NaN\"", "null,"]
        .filter { !$0.hasSuffix(",") }),
    Case(
      type: .float, accepted: ["3.4028235e38", "1e-60", "16777217"],
      refused: ["3.4028236e38", "1e39", "\"1\""]),
    Case(
      type: .decimal(precision: 4, scale: 2),
      accepted: [
        "99.99", "-99.99", "1.500", "1e1", "\"99.99\"", "\"-0\"", "9999e-2", "0.01", "\"1.500\"",
      ],
      refused: [
        "100", "1.001", "\"1.001\"", "\"1e1\"", "\"\"", "\".5\"", "\"5.\"", "\"+5\"", "\"05\"",
        "1e-3", "true", "\" 1\"", "1e99999999999999999999", "1e-99999999999999999999",
      ]),
    Case(
      type: .decimal(precision: 38, scale: 0),
      accepted: ["99999999999999999999999999999999999999", "1e37", "-1e37"],
      refused: ["100000000000000000000000000000000000000", "1e38", "0.1"]),
    Case(
      type: .decimal(precision: 38, scale: 38),
      accepted: ["0.99999999999999999999999999999999999999", "1e-38", "0"],
      refused: ["1", "1e-39"]),
  ]

  static let others = [
    Case(type: .boolean, accepted: ["true", "false"], refused: ["1", "0", "\"true\"", "[]"]),
    Case(
      type: .varchar, accepted: ["\"\"", "\"a\\u0001\"", "\"\\ud83d\\ude00\"", "\"\u{301}\""],
      refused: ["5", "true", "{}", "[]", "\"a\\u0000b\""]),
    Case(
      type: .blob, accepted: ["\"\"", "\"AA==\"", "\"AAE=\"", "\"+/+/\""],
      refused: [
        "\"A\"", "\"AA\"", "\"AB==\"", "\"AAF=\"", "\"====\"", "\"-_-_\"", "\"AA==AA==\"", "1",
      ]),
    Case(
      type: .date,
      accepted: ["\"2024-02-29\"", "\"0001-01-01\"", "\"9999-12-31\"", "\"2000-02-29\""],
      refused: [
        "\"2023-02-29\"", "\"1900-02-29\"", "\"0000-01-01\"", "\"2024-2-9\"", "\"2024-13-01\"",
        "\"2024-01-32\"", "\"2024-00-01\"", "\"10000-01-01\"", "\"-001-01-01\"", "\"infinity\"",
        "\"2024-01-01T00:00:00\"", "20240101", "\" 2024-01-01\"", "\"2024/01/01\"",
      ]),
    Case(
      type: .time, accepted: ["\"00:00:00\"", "\"23:59:59.999999\"", "\"12:00:00.1\""],
      refused: [
        "\"24:00:00\"", "\"23:59:60\"", "\"12:60:00\"", "\"12:00\"", "\"12:00:00.\"",
        "\"12:00:00.1234567\"", "\"12:00:00Z\"",
      ]),
    Case(
      type: .timestamp,
      accepted: ["\"2024-01-01T00:00:00\"", "\"2024-01-01 23:59:59.123456\""],
      refused: [
        "\"2024-01-01T00:00:00Z\"", "\"2024-01-01T00:00:00+00:00\"", "\"2024-01-01\"",
        "\"2024-01-01t00:00:00\"", "\"2024-01-01T00:00:60\"", "\"2024-01-01T00:00\"",
        "\"2024-01-01T00:00:00.1234567\"", "0",
      ]),
    Case(
      type: .timestampS, accepted: ["\"2024-01-01T00:00:00\"", "\"9999-12-31 23:59:59\""],
      refused: [
        "\"2024-01-01T00:00:00.0\"", "\"2024-01-01T00:00:00.\"", "\"2024-01-01T00:00:00Z\"",
      ]
    ),
    Case(
      type: .timestampMS, accepted: ["\"2024-01-01T00:00:00\"", "\"0001-01-01T00:00:00.123\""],
      refused: ["\"2024-01-01T00:00:00.1234\"", "\"2024-01-01T00:00:00.12Z\""]),
    Case(
      type: .timestampNS,
      accepted: [
        "\"1678-01-01T00:00:00\"", "\"2261-12-31T23:59:59.999999999\"",
        "\"2024-01-01 00:00:00.1234567\"",
      ],
      refused: [
        "\"1677-12-31T23:59:59.999999999\"", "\"2262-01-01T00:00:00\"",
        "\"2024-01-01T00:00:00.1234567890\"", "\"2024-01-01T00:00:00.123456Z\"",
        "\"2024-01-01T00:00:00.12345678x\"", "\"2024-01-01T00:00:00.12x\"",
      ]),
    Case(
      type: .timestampTZ,
      accepted: [
        "\"2024-01-01T00:00:00Z\"", "\"2024-01-01 00:00:00.5-23:59\"",
        "\"2024-01-01T00:00:00+05:30\"", "\"0001-01-01T00:00:00-01:00\"",
      ],
      refused: [
        "\"2024-01-01T00:00:00\"", "\"2024-01-01T00:00:00z\"", "\"2024-01-01T00:00:00+24:00\"",
        "\"2024-01-01T00:00:00+00:60\"", "\"2024-01-01T00:00:00+0000\"",
        "\"2024-01-01T00:00:00+00\"", "\"0001-01-01T00:00:00+01:00\"",
        "\"9999-12-31T23:59:59-01:00\"", "\"2024-01-01T00:00:00 Z\"", "1704067200",
      ]),
    Case(
      type: .uuid,
      accepted: [
        "\"00000000-0000-0000-0000-000000000000\"", "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"",
      ],
      refused: [
        "\"a0eebc999c0b4ef8bb6d6bb9bd380a11\"", "\"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}\"",
        "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g\"", "\"a0eebc99-9c0b-4ef8-bb6d6-bb9bd380a11\"",
      ]),
    Case(
      type: .json, accepted: ["{}", "[1e400]", "\"\\u0000\"", "1.50", "true", "\"\""], refused: []),
  ]

  @Test(arguments: integers + numbers + others)
  func takesWhatTheTypeHoldsExactlyAndRefusesTheRest(_ check: Case) throws {
    let table = try EdgeFixture.table(check.type)
    for literal in check.accepted {
      let request = try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table)
      #expect(request.records[0].isValid, "\(literal) \(request.violations)")
    }
    for literal in check.refused {
      let request = try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table)
      #expect(!request.records[0].isValid, "\(literal)")
      #expect(request.violations.first?.column == "x")
      #expect(request.violations.first?.expected == check.type.expectation)
    }
  }

  @Test func nullIsTakenUnlessTheColumnForbidsIt() throws {
    for type in LiteralGenerator.allTypes {
      let free = try EdgeFixture.table(type)
      #expect(try EdgeFixture.parse(payload: "{\"x\":null}", for: free).records[0].isValid)
      let strict = try EdgeFixture.table([
        ColumnDefinition(name: "x", type: type, isNullable: false)
      ])
      let request = try EdgeFixture.parse(payload: "{\"x\":null}", for: strict)
      #expect(request.violations.map(\.got) == ["null"])
      #expect(
        try EdgeFixture.parse(payload: "{}", for: strict).violations.map(\.got) == ["no value"])
    }
  }

  @Test func aMissingValueWithADefaultIsNoViolationButAnExplicitNullIs() throws {
    let table = try EdgeFixture.table([
      ColumnDefinition(
        name: "x", type: .bigint, isNullable: false,
        defaultValue: ColumnDefault(catalogText: "42"))
    ])
    #expect(try EdgeFixture.parse(payload: "{}", for: table).records[0].isValid)
    #expect(!(try EdgeFixture.parse(payload: "{\"x\":null}", for: table).records[0].isValid))
  }

  @Test func anUnknownMemberNamesTheNearColumn() throws {
    let table = try EdgeFixture.table([
      ColumnDefinition(name: "userId", type: .bigint),
      ColumnDefinition(name: "zip", type: .varchar),
    ])
    let near = try EdgeFixture.parse(
      payload: "{\"userid\":1,\"user_Id\":2,\"street\":3}", for: table)
    #expect(
      near.violations.map(\.expected) == [
        "no such column; did you mean \"userId\"?", "no such column; did you mean \"userId\"?",
        "no such column",
      ])
    #expect(near.violations.map(\.column) == ["userid", "user_Id", "street"])
  }

  @Test func payloadsStayAsSentUnlessDuckDBWouldLoseDigits() throws {
    let table = try EdgeFixture.table([
      ColumnDefinition(name: "i", type: .bigint),
      ColumnDefinition(name: "d", type: .decimal(precision: 30, scale: 20)),
      ColumnDefinition(name: "j", type: .json),
    ])
    func handedOn(_ payload: String) throws -> String {
      EdgeFixture.payloadText(try EdgeFixture.parse(payload: payload, for: table))
    }
    let plain = "{ \"i\" : 5, \"d\" : 12.25, \"j\":null}"
    #expect(try handedOn(plain) == plain)
    #expect(try handedOn("{\"i\":9007199254740993.0}") == "{\"i\":9007199254740993}")
    #expect(try handedOn("{\"i\": -0 }") == "{\"i\": 0 }")
    #expect(
      try handedOn("{\"d\":0.12345678901234567890,\"i\":1e2}")
        == "{\"d\":\"0.1234567890123456789\",\"i\":100}")
    #expect(try handedOn("{\"d\":-1.5e-3}") == "{\"d\":\"-0.0015\"}")
    #expect(
      try handedOn("{\"j\": {\"a\":\"\\n\"} ,\"i\":1}")
        == "{\"j\": \"{\\\"a\\\":\\\"\\\\n\\\"}\" ,\"i\":1}")
    #expect(try handedOn("{\"j\":\"x\"}") == "{\"j\":\"\\\"x\\\"\"}")
  }
}

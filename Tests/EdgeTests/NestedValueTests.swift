import Edge
import Model
import Testing

/// Values of lists, structures and maps.
@Suite struct NestedValueTests {
  private func table(_ spelling: String) throws -> IngestTable {
    try EdgeFixture.table(try ColumnType(sql: spelling))
  }

  @Test(arguments: [
    ("INTEGER[]", ["[]", "[1,null,5e0]", "null"], ["{}", "1", "\"[1]\"", "[1.5]", "[[1]]"]),
    ("INTEGER[][]", ["[[1],null,[]]"], ["[1]", "[[[1]]]"]),
    (
      "STRUCT(a INTEGER, \"B\" TEXT)",
      ["{}", "{\"B\":\"x\",\"a\":null}", "{\"\\u0061\":1}"],
      ["[]", "{\"b\":\"x\"}", "{\"a\":\"1\"}", "{\"a\":1,\"c\":2}", "\"{}\""]
    ),
    (
      "MAP(TEXT, DATE)", ["{}", "{\"\":null,\"é\":\"2024-02-29\"}"],
      ["[]", "{\"k\":1}", "{\"a\\u0000\":null}", "[{\"key\":\"k\",\"value\":null}]"]
    ),
    (
      "MAP(INTEGER, TEXT)",
      ["[]", "[{\"key\":1,\"value\":\"a\"},{\"value\":null,\"key\":2.0},{\"key\":3}]"],
      [
        "{}", "[1]", "[null]", "[{}]", "[{\"value\":\"a\"}]", "[{\"key\":null}]",
        "[{\"key\":\"1\"}]", "[{\"key\":1},{\"key\":1.0}]", "[{\"key\":1,\"x\":2}]",
        "[{\"key\":0},{\"key\":-0}]",
      ]
    ),
    (
      "MAP(UUID, TEXT)", ["[{\"key\":\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"}]"],
      [
        """
        [{"key":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"},
        {"key":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}]
        """
      ]
    ),
    ("JSON[]", ["[null,{\"a\":[1e400]},\"x\"]"], ["{}"]),
  ])
  func takesWhatTheTypeHoldsAndRefusesTheRest(
    _ spelling: String, _ accepted: [String], _ refused: [String]
  ) throws {
    let table = try table(spelling)
    for literal in accepted {
      let request = try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table)
      #expect(request.records[0].isValid, "\(literal) \(request.violations)")
    }
    for literal in refused {
      let request = try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table)
      #expect(!request.records[0].isValid, "\(literal)")
    }
  }

  @Test func aViolationNamesThePathToTheValue() throws {
    let table = try table(
      "STRUCT(items STRUCT(price DECIMAL(4,2), tags MAP(TEXT, INTEGER))[], m MAP(INTEGER, DATE))")
    func violations(_ literal: String) throws -> [String] {
      try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table).violations
        .map { "\($0.column): \($0.got)" }
    }
    #expect(
      try violations("{\"items\":[null,{},{},{\"price\":\"a\",\"tags\":{\"k\":true}}]}")
        == ["x.items[3].price: string \"a\"", "x.items[3].tags[\"k\"]: true"])
    #expect(try violations("{\"items\":[[]]}") == ["x.items[0]: array"])
    #expect(try violations("[]") == ["x: array"])
    #expect(
      try violations("{\"m\":[{\"key\":1,\"value\":2},{\"key\":1}]}")
        == ["x.m[0].value: number 2", "x.m[1].key: number 1"])
    let near = try EdgeFixture.parse(payload: "{\"x\":{\"item\":[]}}", for: table)
    #expect(near.violations.map(\.column) == ["x.item"])
    #expect(near.violations.map(\.expected) == ["no such field; did you mean \"items\"?"])
  }

  @Test func valuesInsideAreRewrittenAsThoseOutsideAre() throws {
    let table = try table(
      "STRUCT(d DECIMAL(30,20), j JSON, i BIGINT[], m MAP(INTEGER, JSON))")
    let request = try EdgeFixture.parse(
      payload: """
        {"x":{"d":-1.5e-3, "j":{"a":"\\n"}, "i":[1,2e1, -0], "m":[{"value":"v","key":1.0}]}}
        """, for: table)
    #expect(
      EdgeFixture.payloadText(request) == """
        {"x":{"d":"-0.0015", "j":"{\\"a\\":\\"\\\\n\\"}", "i":[1,20, 0], \
        "m":[{"value":"\\"v\\"","key":1}]}}
        """)
  }

  @Test func aMemberThatStandsTwiceIsRefusedAtAnyDepth() throws {
    let table = try table("MAP(TEXT, MAP(TEXT, INTEGER))[]")
    #expect(throws: EdgeError.self) {
      try EdgeFixture.parse(payload: "{\"x\":[{\"a\":{\"k\":1,\"\\u006b\":1}}]}", for: table)
    }
  }

  @Test func aColumnThatIsNotNullTakesNullsInside() throws {
    let table = try EdgeFixture.table([
      ColumnDefinition(name: "x", type: .list(.integer), isNullable: false)
    ])
    #expect(try EdgeFixture.parse(payload: "{\"x\":[null]}", for: table).records[0].isValid)
    let request = try EdgeFixture.parse(payload: "{\"x\":null}", for: table)
    #expect(request.violations.map(\.expected) == ["LIST (an array), not null"])
  }

  @Test func equalNestedContentsHaveEqualHashes() throws {
    let table = try table("STRUCT(a DECIMAL(4,2)[], b TEXT)")
    func hash(_ literal: String) throws -> Int64 {
      try EdgeFixture.parse(payload: "{\"x\":\(literal)}", for: table).records[0].contentHash
    }
    let first = try hash("{\"a\":[1.50, 2],\"b\":\"\\u0061\"}")
    #expect(try hash("{ \"b\" : \"a\", \"a\" : [15e-1,2.0] }") == first)
    #expect(try hash("{\"a\":[2, 1.50],\"b\":\"a\"}") != first)
    #expect(try hash("{\"a\":[1.5, 2],\"b\":null}") != first)
  }

  @Test func violationsInALargeValueAreCountedAndNotAllListed() throws {
    let table = try table("INTEGER[]")
    let bad = Array(repeating: "true", count: 1_000).joined(separator: ",")
    let request = try EdgeFixture.parse(payload: "{\"x\":[\(bad)]}", for: table)
    #expect(request.violationCount == 1_000)
    #expect(request.violations.count == 100)
    #expect(request.violations.last?.column == "x[99]")
  }
}

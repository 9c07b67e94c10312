import Edge
import Model
import SimdJSON
import Testing

/// The envelope of an ingest request.
@Suite struct IngestRequestTests {
  private static let record = "{\"idempotency_key\":\"k\",\"op\":\"insert\",\"payload\":{\"x\":1}}"

  private func error(_ body: String, limits: IngestLimits = IngestLimits()) throws -> EdgeError? {
    let table = try EdgeFixture.table(.bigint)
    do throws(EdgeError) {
      _ = try EdgeFixture.parse(body, for: table, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func readsEveryFieldInAnyOrder() throws {
    let table = try EdgeFixture.table(.bigint)
    let request = try EdgeFixture.parse(
      """
      {"on_error":"dead_letter","visibility_timeout_ms":31.0,"wait_for_visibility":true,
       "records":[{"payload":{"x":1},"op":"insert","idempotency_key":"k\\u00e9\\"y"},
                  {"op":"\\u0069nsert","idempotency_key":"b","event_time":null,"payload":{ }}]}
      """, for: table)
    #expect(request.onError == .deadLetter)
    #expect(request.visibilityTimeoutMs == 31)
    #expect(request.waitForVisibility)
    #expect(request.records.map(\.operation) == [.insert, .insert])
    #expect(request.records.map { request.idempotencyKey(of: $0) } == [Array("ké\"y".utf8), [98]])
    #expect(EdgeFixture.payloadText(request) == "{\"x\":1}")
    #expect(EdgeFixture.payloadText(request, 1) == "{ }")
    let plain = try EdgeFixture.parse("{\"records\":[\(Self.record)]}", for: table)
    #expect(!plain.waitForVisibility)
    #expect(plain.onError == .reject)
    #expect(plain.visibilityTimeoutMs == nil)
  }

  @Test(
    arguments: [
      ("", "INVALID_JSON", nil), ("[]", "INVALID_JSON", nil), ("{", "INVALID_JSON", nil),
      ("{\"records\":[{}]} x", "INVALID_JSON", nil),
      ("{}", "RECORDS_REQUIRED", nil), ("{\"records\":[]}", "RECORDS_REQUIRED", nil),
      ("{\"records\":{}}", "RECORDS_REQUIRED", nil), ("{\"records\":[1]}", "RECORDS_REQUIRED", 0),
      ("{\"record\":[]}", "UNKNOWN_FIELD", nil),
      ("{\"records\":[{\"idempotency-key\":1}]}", "UNKNOWN_FIELD", 0),
      ("{\"records\":[{}]}", "IDEMPOTENCY_KEY_REQUIRED", 0),
      ("{\"records\":[{\"idempotency_key\":\"\"}]}", "IDEMPOTENCY_KEY_REQUIRED", 0),
      ("{\"records\":[{\"idempotency_key\":5}]}", "IDEMPOTENCY_KEY_REQUIRED", 0),
      ("{\"records\":[{\"idempotency_key\":\"a\\u0000\"}]}", "INVALID_FIELD", 0),
      ("{\"records\":[{\"idempotency_key\":\"a\"}]}", "INVALID_OP", 0),
      ("{\"records\":[{\"idempotency_key\":\"a\",\"op\":\"merge\"}]}", "INVALID_OP", 0),
      ("{\"records\":[{\"idempotency_key\":\"a\",\"op\":\"insert\"}]}", "PAYLOAD_REQUIRED", 0),
      (
        "{\"records\":[{\"idempotency_key\":\"a\",\"op\":\"insert\",\"payload\":[]}]}",
        "PAYLOAD_REQUIRED", 0
      ),
      (
        "{\"records\":[{\"idempotency_key\":\"a\",\"op\":\"upsert\",\"payload\":{}}]}",
        "PRIMARY_KEY_REQUIRED", 0
      ),
      ("{\"records\":[1],\"records\":[1]}", "INVALID_JSON", nil),
      ("{\"records\":[{\"op\":\"insert\",\"op\":\"insert\"}]}", "INVALID_JSON", nil),
      ("{\"wait_for_visibility\":1}", "INVALID_FIELD", nil),
      ("{\"visibility_timeout_ms\":-1}", "INVALID_FIELD", nil),
      ("{\"visibility_timeout_ms\":60001}", "INVALID_FIELD", nil),
      ("{\"visibility_timeout_ms\":1.5}", "INVALID_FIELD", nil),
      ("{\"on_error\":\"ignore\"}", "INVALID_FIELD", nil),
    ] as [(String, String, Int?)])
  func refusesAWrongEnvelope(_ body: String, _ code: String, _ index: Int?) throws {
    let error = try error(body)
    #expect(error?.errorCode == code)
    #expect(error?.recordIndex == index)
  }

  @Test func duplicateMembersAreRefusedAtAnyDepthHoweverTheyAreSpelt() throws {
    let table = try EdgeFixture.table(.json)
    for payload in [
      "{\"x\":1,\"x\":1}", "{\"x\":1,\"\\u0078\":2}", "{\"x\":[{\"a\":1,\"b\":{},\"\\u0061\":2}]}",
      "{\"zz\":1,\"zz\":2}", "{\"x\":{\"\":1,\"\":2}}",
    ] {
      #expect(throws: EdgeError.self) { try EdgeFixture.parse(payload: payload, for: table) }
    }
    let many = (0..<100).map { "\"m\($0)\":0" }.joined(separator: ",")
    #expect(throws: Never.self) { try EdgeFixture.parse(payload: "{\"x\":{\(many)}}", for: table) }
    #expect(throws: EdgeError.self) {
      try EdgeFixture.parse(payload: "{\"x\":{\(many),\"m7\":1}}", for: table)
    }
    // Different code points that look the same are different names.
    #expect(throws: Never.self) {
      try EdgeFixture.parse(payload: "{\"x\":{\"\u{E9}\":1,\"e\u{301}\":2}}", for: table)
    }
  }

  @Test func limitsNameThemselves() throws {
    let three = "{\"records\":[\(Array(repeating: Self.record, count: 3).joined(separator: ","))]}"
    #expect(
      try error(three, limits: IngestLimits(records: 2))
        == .limitExceeded(limit: .records, maximum: 2, recordIndex: nil))
    #expect(try error(three, limits: IngestLimits(records: 3)) == nil)
    func keyed(_ length: Int) -> String {
      Self.record.replacing("\"k\"", with: "\"" + String(repeating: "é", count: length) + "\"")
    }
    #expect(try error("{\"records\":[\(keyed(256))]}") == nil)
    #expect(
      try error("{\"records\":[\(Self.record),\(keyed(257))]}")
        == .limitExceeded(limit: .keyBytes, maximum: 512, recordIndex: 1))
    func nested(_ depth: Int) -> String {
      let inner = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      return "{\"records\":[\(Self.record.replacing("{\"x\":1}", with: "{\"x\":\(inner)}"))]}"
    }
    #expect(try error(nested(60)) == nil)
    #expect(
      try error(nested(61)) == .limitExceeded(limit: .depth, maximum: 64, recordIndex: nil))
    #expect(
      try error(nested(3), limits: IngestLimits(json: JSONLimits(tokens: 10)))
        == .limitExceeded(limit: .values, maximum: 10, recordIndex: nil))
  }

  @Test func violationsAreCountedAllAndListedUpToTheLimitWithOnePerBadRecord() throws {
    let columns = (0..<4).map { ColumnDefinition(name: "c\($0)", type: .bigint) }
    let table = try EdgeFixture.table(columns)
    let bad = Self.record.replacing(
      "{\"x\":1}", with: "{\"c0\":\"a\",\"c1\":true,\"c2\":1.5,\"c3\":{}}")
    let good = Self.record.replacing("{\"x\":1}", with: "{\"c0\":1}")
    let records = (0..<10).map { $0 == 4 ? good : bad }.joined(separator: ",")
    let request = try EdgeFixture.parse(
      "{\"records\":[\(records)]}", for: table, limits: IngestLimits(listedViolations: 6))
    #expect(request.violationCount == 36)
    #expect(request.violations.map(\.recordIndex) == [0, 0, 0, 0, 1, 1, 2, 3, 5, 6, 7, 8, 9])
    #expect(request.records.map(\.isValid) == (0..<10).map { $0 == 4 })
    #expect(
      request.violations(ofRecord: 0).map(\.got) == [
        "string \"a\"", "true", "number 1.5", "object",
      ]
    )
  }

  @Test func eventTimeFillsItsColumnWhenThePayloadLacksIt() throws {
    let columns = [
      ColumnDefinition(name: "at", type: .timestampTZ, isNullable: false),
      ColumnDefinition(name: "x", type: .bigint),
    ]
    let table = try EdgeFixture.table(columns, eventTimeColumn: "at")
    func payload(_ payload: String, _ time: String) throws -> String {
      let request = try EdgeFixture.parse(payload: payload, eventTime: time, for: table)
      #expect(request.records[0].isValid, "\(request.violations)")
      return EdgeFixture.payloadText(request)
    }
    let time = "\"2024-01-01T02:00:00+02:00\""
    #expect(try payload("{}", time) == "{\"at\":\"2024-01-01T00:00:00.000000Z\"}")
    #expect(
      try payload("{\"x\":1 }", time) == "{\"x\":1 ,\"at\":\"2024-01-01T00:00:00.000000Z\"}")
    let own = "{\"at\":\"2020-01-01T00:00:00Z\"}"
    #expect(try payload(own, time) == own)

    let local = try EdgeFixture.table(
      [ColumnDefinition(name: "at", type: .timestamp)], eventTimeColumn: "at")
    let request = try EdgeFixture.parse(payload: "{}", eventTime: time, for: local)
    #expect(EdgeFixture.payloadText(request) == "{\"at\":\"2024-01-01T00:00:00.000000\"}")
  }

  @Test func eventTimeIsRefusedWithoutItsColumnOrWithoutAZone() throws {
    let without = try EdgeFixture.table(.bigint)
    let request = try EdgeFixture.parse(
      payload: "{}", eventTime: "\"2024-01-01T00:00:00Z\"", for: without)
    #expect(request.violations.map(\.column) == ["event_time"])
    let table = try EdgeFixture.table(
      [ColumnDefinition(name: "at", type: .timestampTZ)], eventTimeColumn: "at")
    for time in ["\"2024-01-01T00:00:00\"", "5", "\"\"", "{}", "true"] {
      let request = try EdgeFixture.parse(payload: "{}", eventTime: time, for: table)
      #expect(request.violations.map(\.column) == ["event_time"], "\(time)")
      #expect(request.records[0].eventTime == nil)
    }
  }

  @Test func columnsBeyondOneWordOfTheRequiredSetAreChecked() throws {
    let columns = (0..<200).map {
      ColumnDefinition(name: "c\($0)", type: .bigint, isNullable: $0 % 3 != 0)
    }
    let table = try EdgeFixture.table(columns)
    let members = (0..<200).reversed().filter { $0 != 63 && $0 != 64 && $0 != 198 }
      .map { "\"c\($0)\":\($0)" }.joined(separator: ",")
    let request = try EdgeFixture.parse(payload: "{\(members)}", for: table)
    #expect(request.violations.map(\.column) == ["c63", "c198"])
  }

  @Test func oneParserServesManyTasksAtOnce() async throws {
    let parser = IngestParser()
    let table = try EdgeFixture.table(.json)
    let hashes = try await withThrowingTaskGroup(of: (Int, [Int64]).self) { group in
      for task in 0..<8 {
        group.addTask {
          let hashes = try (0..<200).map { round in
            let open = String(repeating: "[", count: round % 50)
            let close = String(repeating: "]", count: round % 50)
            let payload = "{\"x\":\(open)\(task)\(close)}"
            let body = Self.record.replacing("{\"x\":1}", with: payload)
            return try parser.parse(Array("{\"records\":[\(body)]}".utf8), for: table)
              .records[0].contentHash
          }
          return (task, hashes)
        }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    for task in 0..<8 {
      let own = try #require(hashes[task])
      #expect(Set(own).count == 50)
      #expect(own[..<50] == own[150...])
      #expect(task == 0 || hashes[0] != own)
    }
  }
}

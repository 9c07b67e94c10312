import Digest
import Edge
import Model
import Testing

/// Content hashes and key hashes, which are stored and must never change.
@Suite struct RecordHashTests {
  private func content(_ payload: String, eventTime: String? = nil) throws -> Int64 {
    let table = try EdgeFixture.table(
      [
        ColumnDefinition(name: "x", type: .json),
        ColumnDefinition(name: "at", type: .timestampTZ),
      ], eventTimeColumn: "at")
    return try EdgeFixture.parse(payload: payload, eventTime: eventTime, for: table)
      .records[0].contentHash
  }

  @Test(arguments: [
    ["{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] , \"a\" : 1 } "],
    [
      "{\"x\":1}", "{\"x\":1.0}", "{\"x\":1e0}", "{\"x\":10e-1}", "{\"x\":0.1E+1}",
      "{\"x\":100e-00002}",
    ],
    ["{\"x\":0}", "{\"x\":-0}", "{\"x\":0.0}", "{\"x\":0e999999999999999999999}"],
    ["{\"x\":\"é/\\n\"}", "{\"\\u0078\":\"\\u00e9\\/\\u000A\"}"],
    ["{\"x\":\"😀\"}", "{\"x\":\"\\ud83d\\uDE00\"}"],
    [
      "{\"x\":123456789012345678901234567890}", "{\"x\":12345678901234567890123456789e1}",
      "{\"x\":1.2345678901234567890123456789e29}",
    ],
    ["{\"x\":-0.00120}", "{\"x\":-12e-4}", "{\"x\":-1.2e-3}"],
  ])
  func equalValuesHaveEqualHashes(_ spellings: [String]) throws {
    let hashes = try spellings.map { try content($0) }
    #expect(Set(hashes).count == 1)
  }

  @Test func differentValuesHaveDifferentHashes() throws {
    let payloads = [
      "{}", "{\"x\":null}", "{\"x\":1}", "{\"x\":\"1\"}", "{\"x\":true}", "{\"x\":false}",
      "{\"x\":-1}", "{\"x\":10}", "{\"x\":0.1}", "{\"x\":[1]}", "{\"x\":[[1]]}", "{\"x\":[1,1]}",
      "{\"x\":[]}", "{\"x\":{}}", "{\"x\":\"\"}", "{\"x\":[11]}", "{\"y\":1}",
      "{\"x\":1,\"y\":2}", "{\"x\":2,\"y\":1}", "{\"x\":{\"y\":1}}", "{\"x\":[\"a\",\"b\"]}",
      "{\"x\":[\"ab\"]}", "{\"x\":[\"b\",\"a\"]}", "{\"x\":1e400}", "{\"x\":1e401}",
      "{\"x\":123456789012345678901234567890}", "{\"x\":123456789012345678901234567891}",
      "{\"x\":0.1000000000000000055511151231257827}", "{\"x\":1e99999999999999999999}",
      "{\"x\":1e99999999999999999998}", "{\"x\":\"e\u{301}\"}", "{\"x\":\"\u{E9}\"}",
      "{\"x\":\"\\u0000\"}", "{\"x\":101}", "{\"x\":1001}", "{\"x\":10.01}",
    ]
    #expect(Set(try payloads.map { try content($0) }).count == payloads.count)
  }

  @Test func eventTimeCountsAsAnInstant() throws {
    let hashes = try [
      nil, "\"2024-01-01T00:00:00Z\"", "\"2024-01-01T00:00:00.1Z\"", "\"nonsense\"", "5",
    ].map { try content("{\"x\":1}", eventTime: $0) }
    #expect(Set(hashes).count == 5)
    #expect(
      try content("{\"x\":1}", eventTime: "\"2024-01-01 01:30:00.000+01:30\"") == hashes[1])
    #expect(try content("{\"x\":1}", eventTime: "null") == hashes[0])
  }

  @Test func theSchemaDoesNotCount() throws {
    let payload = "{\"x\":5,\"unknown\":[1]}"
    let hashes = try [ColumnType.json, .bigint, .varchar].map {
      try EdgeFixture.parse(payload: payload, for: EdgeFixture.table($0)).records[0].contentHash
    }
    #expect(Set(hashes).count == 1)
  }

  private func key(_ key: String, tenant: Int64 = 1, table: Int64 = 1) throws -> KeyHash {
    let table = try EdgeFixture.table(
      [ColumnDefinition(name: "x", type: .bigint)], tenant: tenant, table: table)
    let body =
      "{\"records\":[{\"idempotency_key\":\"\(key)\",\"op\":\"insert\",\"payload\":{}}]}"
    return try EdgeFixture.parse(body, for: table).records[0].keyHash
  }

  @Test func keysBelongToTenantAndTableIncarnation() throws {
    let hashes = try [
      key("a"), key("b"), key("a", tenant: 2), key("a", table: 2), key("a", tenant: 256),
    ]
    #expect(Set(hashes).count == 5)
    #expect(try key("\\u0061") == hashes[0])
  }

  @Test func aKeyThatHoldsATimeKeepsItInFront() throws {
    let uuid = try key("0190A6F0-9b2e-7c3d-8f4a-000000000001")
    #expect(uuid.high >> 16 == 0x0190_A6F0_9B2E)
    #expect(try key("0190a6f0-9b2e-7c3d-8f4a-000000000002") != uuid)
    #expect(try key("0190a6f0-9b2e-7c3d-8f4a-000000000001", tenant: 2) != uuid)
    // 01ARZ3NDEKTSV4RRFFQ69G5FAV, the example of the ULID specification.
    #expect(try key("01ARZ3NDEKTSV4RRFFQ69G5FAV").high >> 16 == 1_469_922_850_259)
    #expect(try key("7zzzzzzzzzzzzzzzzzzzzzzzzz").high >> 16 == 0xFFFF_FFFF_FFFF)
  }

  @Test(arguments: [
    "0190a6f0-9b2e-4c3d-8f4a-000000000001", "0190a6f0-9b2e-7c3d-cf4a-000000000001",
    "0190a6f0-9b2e-7c3d-8f4a-00000000000g", "81ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FA!",
  ])
  func anyOtherKeyIsHashedWhole(_ text: String) throws {
    let hash = try key(text)
    var digest = SHA256()
    digest.update(Array("duckmesh key 1\0".utf8))
    for number: Int64 in [1, 1] {
      withUnsafeBytes(of: number.littleEndian) { digest.update($0) }
    }
    digest.update(Array(text.utf8))
    let words = digest.finish().words
    #expect(hash == KeyHash(high: words.0, low: words.1))
  }
}

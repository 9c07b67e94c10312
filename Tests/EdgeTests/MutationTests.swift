import DuckDB
import Edge
import Foundation
import Model
import SimdJSON
import Testing

/// Damaged requests: nothing crashes, and nothing passes that DuckDB would not call JSON.
@Suite struct MutationTests {
  private static let rounds =
    Int(ProcessInfo.processInfo.environment["DUCKMESH_FUZZ_MUTATIONS"] ?? "") ?? 10_000
  private static let seed =
    UInt64(ProcessInfo.processInfo.environment["DUCKMESH_FUZZ_SEED"] ?? "") ?? 1

  private static let bodies = [
    """
    {"records":[{"idempotency_key":"a\\u00e9","op":"insert","payload":{"n":-1.5e3,
    "s":"x\\ud83d\\ude00",
    "j":{"a":[1,true,null,{}],"b":"\\\\"},"d":"2024-02-29"}}],"wait_for_visibility":false}
    """,
    """
    {"on_error":"dead_letter","records":[{"payload":{},"op":"insert","idempotency_key":"é"},
    {"event_time":"2024-01-01T00:00:00Z","payload":{"n":12345678901234567890.5},"op":"insert",
    "idempotency_key":"0190a6f0-9b2e-7c3d-8f4a-000000000001"}],"visibility_timeout_ms":10}
    """,
  ]
  private static let tokens = [
    "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "\\ud800", "1e400", "-", ".", "null",
    "\u{0}", "\u{1F}", "é", "\u{FEFF}", " ", "\n", "00", "e", "\"n\":1,", "true", "//", "'",
  ]

  private static func mutated(_ random: inout SeededGenerator) -> [UInt8] {
    var bytes = Array(random.pick(bodies).utf8)
    for _ in 0...random.below(3) {
      let index = random.below(bytes.count)
      switch random.below(6) {
      case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.remove(at: index)
      case 2: bytes.insert(contentsOf: Array(random.pick(tokens).utf8), at: index)
      case 3: bytes.removeSubrange(index..<min(index + 1 + random.below(12), bytes.count))
      case 4: bytes.swapAt(index, random.below(bytes.count))
      default:
        let end = min(index + 1 + random.below(40), bytes.count)
        bytes.insert(contentsOf: Array(bytes[index..<end]), at: random.below(bytes.count))
      }
      if bytes.isEmpty { bytes = [UInt8(ascii: "{")] }
    }
    return bytes
  }

  @Test func damagedRequestsAreRefusedOrAreStillJSON() async throws {
    let problems = try await onOwnThread { () -> [String] in
      let connection = try DuckDBInstance().connect()
      let isValid = try connection.prepare("SELECT json_valid(?)")
      let table = try EdgeFixture.table(
        [
          ColumnDefinition(name: "n", type: .double), ColumnDefinition(name: "s", type: .varchar),
          ColumnDefinition(name: "j", type: .json), ColumnDefinition(name: "d", type: .date),
          ColumnDefinition(name: "at", type: .timestampTZ),
        ], eventTimeColumn: "at")
      func duckDBTakes(_ text: [UInt8]) throws -> Bool {
        guard let text = String(validating: text, as: UTF8.self) else { return false }
        try isValid.bind(positional: [.string(text)])
        return try isValid.execute(streaming: false).readTable().rows[0][0] == .bool(true)
      }
      let parser = IngestParser()
      var random = SeededGenerator(seed: Self.seed)
      var problems: [String] = []
      var accepted = 0
      for _ in 0..<Self.rounds {
        let bytes = Self.mutated(&random)
        let isJSON = (try? JSONValue(parsing: bytes)) != nil
        let request = try? parser.parse(bytes, for: table)
        let text = String(decoding: bytes, as: UTF8.self)
        if request != nil, !isJSON { problems.append("a request that is no JSON: \(text)") }
        guard isJSON else { continue }
        if try !duckDBTakes(bytes) { problems.append("DuckDB refuses: \(text)") }
        guard let request else { continue }
        accepted += 1
        for record in request.records where try !duckDBTakes(Array(request.payload(of: record))) {
          problems.append("DuckDB refuses a payload of: \(text)")
        }
      }
      if accepted < Self.rounds / 100 { problems.append("only \(accepted) requests were accepted") }
      return problems
    }
    #expect(problems.count == 0, "seed \(Self.seed): \(problems.prefix(3))")
  }
}

import Runtime
import SimdJSON
import TestSupport
import Testing

/// One keyed table, many processes.
@Suite struct KeyedDeploymentTests {
  /// A small shuffle that comes again with its seed.
  private static func shuffled(_ count: Int, seed: UInt64) -> [Int] {
    var random = SeededGenerator(seed: seed)
    return Array(0..<count).shuffled(using: &random)
  }

  @Test func rowsUpsertedTwiceByManyClientsEndAsTheLastWriteByToken() async throws {
    let settings = [
      "DUCKMESH_COMPACTION_FAN_IN": "4", "DUCKMESH_COMPACTION_INTERVAL_MS": "50",
      "DUCKMESH_FLUSH_INTERVAL_MS": "10",
    ]
    try await Deployment.with(settings) { deployment in
      let one = try await deployment.start("api,query,coordinator")
      let two = try await deployment.start("api,coordinator,maintenance")
      try await one.client().createStock().expect(201)
      let rows = 600
      let last = Guarded<[Int: (token: Int64, note: String)]>([:])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            let client = (number % 2 == 0 ? one : two).client()
            // Two of the eight clients write each row.
            let own = (0..<2).flatMap { round in
              Self.shuffled(rows / 4, seed: UInt64(number * 2 + round)).map { $0 * 4 + number % 4 }
            }
            for batch in stride(from: 0, to: own.count, by: 10) {
              let ids = Array(own[batch..<min(batch + 10, own.count)])
              let notes = ids.map { "\($0) by \(number) in \(batch)" }
              let reply = try await client.change(
                zip(ids, notes).enumerated().map { offset, entry in
                  APIClient.record(
                    "\(number)-\(batch)-\(offset)", "upsert",
                    #"{"id": \#(entry.0), "note": "\#(entry.1)"}"#)
                })
              reply.expect(200)
              let token = try #require(reply.token)
              last.withLock { last in
                for (offset, id) in ids.enumerated() {
                  let own = token - Int64(ids.count - 1 - offset)
                  if own > last[id]?.token ?? 0 { last[id] = (own, notes[offset]) }
                }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      let expected = last.withLock { $0 }.sorted { $0.key < $1.key }
        .map { "[\($0.key),\"\($0.value.note)\"]" }
      let head = last.withLock { $0.values.map(\.token).max() ?? 0 }
      let client = one.client()
      #expect(
        try await client.stockRows(more: #", "min_visibility_token": \#(head)"#)
          == "[\(expected.joined(separator: ","))]")
      #expect(expected.count == rows)
      #expect(try await client.get("/v1/lag").expect(200)["accepted_events"]?.integer == head)
      try await two.client().post("/v1/integrity/run").expect(200)
      try await eventually("files are rewritten beside the writes") {
        two.log.contains("files rewritten")
      }
    }
  }
}

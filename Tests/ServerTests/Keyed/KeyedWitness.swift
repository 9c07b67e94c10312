import Runtime
import SimdJSON
import Testing

/// Clients that change a keyed table and remember what they were told: the last write of a key, by
/// token, is what the table must show.
final class KeyedWitness: Sendable {
  private struct Write: Sendable {
    let key: String
    let operation: String
    let id: Int
    let note: String

    var record: String {
      let payload =
        operation == "delete" ? #"{"id": \#(id)}"# : #"{"id": \#(id), "note": "\#(note)"}"#
      return APIClient.record(key, operation, payload)
    }
  }

  private struct State {
    /// Every request that was sent, and the last token of those that were acknowledged.
    var requests: [[Write]] = []
    var tokens: [Int: Int64] = [:]
    var snapshots: [Int64: String] = [:]
  }

  private let state = Lock(State())
  private let random: Lock<SeededGenerator>
  private let keys: Int
  let tenant = "witness"

  init(seed: UInt64, keys: Int) {
    random = Lock(SeededGenerator(seed: seed))
    self.keys = keys
  }

  func client(_ server: ServerProcess) -> APIClient { server.client(tenant: tenant) }

  var acknowledgedCount: Int { state.withLock { $0.tokens.count } }

  func prepare(_ server: ServerProcess) async throws {
    try await client(server).createStock().expect(201)
  }

  private func newRequest() -> Int {
    let writes = random.withLock { random in
      (0..<1 + random.below(5)).map { _ in
        Write(
          key: "w\(random.next())",
          operation: ["insert", "upsert", "upsert", "delete"][random.below(4)],
          id: random.below(keys), note: "n\(random.below(1_000_000))")
      }
    }
    return state.withLock { state in
      state.requests.append(writes)
      return state.requests.count - 1
    }
  }

  /// Sends a request, for the first time or again.
  ///
  /// - Returns: whether it was acknowledged.
  private func send(
    _ place: Int, to server: ServerProcess, waits: Bool
  ) async throws -> Bool {
    let writes = state.withLock { $0.requests[place] }
    let more = waits ? #", "wait_for_visibility": true, "visibility_timeout_ms": 60000"# : ""
    guard let reply = try? await client(server).change(writes.map(\.record), more: more) else {
      return false
    }
    guard reply.status == 200, let token = reply.token else {
      // Anything else is not the weather: the test must not try for ever.
      try #require([429, 503, 504].contains(reply.status), "\(reply.status) \(reply.text)")
      return false
    }
    let known = state.withLock { $0.tokens.updateValue(token, forKey: place) }
    #expect(known == nil || known == token, "a retry got another token")
    return true
  }

  /// Writes until the server does not answer any more, or so many requests were acknowledged.
  func write(to server: ServerProcess, clients: Int, requests: Int) async {
    let goal = acknowledgedCount + requests
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<clients {
        group.addTask { [self] in
          while acknowledgedCount < goal {
            guard (try? await send(newRequest(), to: server, waits: number % 2 == 0)) == true
            else { return }
          }
        }
      }
    }
  }

  /// What the table must hold: the last write of each key.
  private var expected: String {
    let (requests, tokens) = state.withLock { ($0.requests, $0.tokens) }
    var last: [Int: (token: Int64, write: Write)] = [:]
    for (place, token) in tokens {
      let writes = requests[place]
      // The tokens of a request follow each other.
      for (offset, write) in writes.enumerated() {
        let own = token - Int64(writes.count - 1 - offset)
        if own > last[write.id]?.token ?? 0 { last[write.id] = (own, write) }
      }
    }
    let rows = last.values.map(\.write).filter { $0.operation != "delete" }
      .sorted { $0.id < $1.id }.map { "[\($0.id),\"\($0.note)\"]" }
    return "[\(rows.joined(separator: ","))]"
  }

  /// Sends every request again, and expects each to have happened once, in the order of the tokens.
  func expectLastWrites(_ server: ServerProcess) async throws {
    let count = state.withLock { $0.requests.count }
    for place in 0..<count {
      try #require(try await send(place, to: server, waits: false))
    }
    let (requests, tokens) = state.withLock { ($0.requests, $0.tokens) }
    let head = tokens.values.max() ?? 0
    #expect(head == Int64(requests.reduce(0) { $0 + $1.count }), "tokens are dense")
    #expect(
      try await client(server).stockRows(more: #", "min_visibility_token": \#(head)"#) == expected)
  }

  /// Remembers what the newest snapshot shows, to ask for the same later.
  func rememberSnapshot(_ server: ServerProcess) async throws {
    let reply = try await client(server).query("SELECT * FROM stock ORDER BY id").expect(200)
    let snapshot = try #require(reply["snapshot_id"]?.integer)
    let rows = try #require(reply["rows"]?.compactText)
    let known = state.withLock { $0.snapshots.updateValue(rows, forKey: snapshot) }
    #expect(known == nil || known == rows)
  }

  func expectSnapshots(_ server: ServerProcess) async throws {
    for (snapshot, rows) in state.withLock({ $0.snapshots }) {
      #expect(
        try await client(server).stockRows(more: #", "snapshot_id": \#(snapshot)"#) == rows,
        "at snapshot \(snapshot)")
    }
  }

  func expectClean(_ server: ServerProcess) async throws {
    try await client(server).post("/v1/integrity/run").expect(200)
    try await client(server).post("/v1/retention/run").expect(200)
    try await client(server).post("/v1/integrity/run").expect(200)
  }
}

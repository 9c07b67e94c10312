import Foundation
import Runtime
import SQLite
import SimdJSON
import TestSupport
import Testing

/// Clients that write events under keys of their own, and remember what they were told.
///
/// What a client was told is what the server is held to: an acknowledged event is there once, for
/// ever, under the token of its receipt.
final class Witness: Sendable {
  static let table = "events"

  private struct State {
    var next = 0
    /// Tokens of acknowledged keys.
    var acknowledged: [String: Int64] = [:]
    /// Keys that were sent, whatever came back.
    var sent: Set<String> = []
    /// Rows of the table at snapshots, as first read.
    var counts: [Int64: Int64] = [:]
    var refusals: Set<String> = []
  }

  private let state = Lock(State())
  private let padding: String
  let tenant = "witness"

  /// - Parameter paddingBytes: what each event carries beside its key.
  init(paddingBytes: Int = 0) { padding = String(repeating: "x", count: paddingBytes) }

  /// How requests were refused: status and code.
  var refusals: Set<String> { state.withLock { $0.refusals } }

  var acknowledgedCount: Int { state.withLock { $0.acknowledged.count } }
  var sentCount: Int { state.withLock { $0.sent.count } }

  func client(_ server: ServerProcess) -> APIClient { server.client(tenant: tenant) }

  func prepare(_ server: ServerProcess) async throws {
    try await client(server).createTable(
      Self.table, "key VARCHAR", "client INTEGER", "padding VARCHAR"
    ).expect(201)
  }

  func newKey(of client: Int) -> String {
    state.withLock { state in
      state.next += 1
      let key = "c\(client)-\(state.next)"
      state.sent.insert(key)
      return key
    }
  }

  /// Sends one event; nil when the server gave no answer, which says nothing of the event.
  func write(
    _ key: String, client number: Int, to server: ServerProcess, waits: Bool = false
  ) async throws -> Int64? {
    let payload = #"{"key": "\#(key)", "client": \#(number), "padding": "\#(padding)"}"#
    let more = waits ? #", "wait_for_visibility": true, "visibility_timeout_ms": 60000"# : ""
    guard let reply = try? await client(server).ingest(Self.table, [(key, payload)], more: more)
    else { return nil }
    // A server that is about to end may refuse; nothing was promised then.
    guard reply.status == 200, let token = reply.token else {
      // Anything else is not the weather: the test must not try for ever.
      try #require([429, 503, 504].contains(reply.status), "\(reply.status) \(reply.text)")
      state.withLock { _ = $0.refusals.insert("\(reply.status) \(reply.errorCode ?? "")") }
      return nil
    }
    remember(key, token, isDuplicate: reply["duplicate_count"]?.integer == 1)
    return token
  }

  private func remember(_ key: String, _ token: Int64, isDuplicate: Bool) {
    let known: Int64? = state.withLock { state in
      defer { state.acknowledged[key] = token }
      return state.acknowledged[key]
    }
    if let known {
      #expect(known == token, "\(key) had token \(known), now \(token)")
      #expect(isDuplicate, "\(key) was accepted twice")
    }
  }

  /// Writes until the server does not answer any more, or `limit` events were acknowledged.
  func writeUntilTheEnd(
    of server: ServerProcess, clients: Int, limit: Int, waits: Bool = false
  ) async {
    let goal = acknowledgedCount + limit
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<clients {
        group.addTask { [self] in
          while acknowledgedCount < goal {
            let token = try? await write(
              newKey(of: number), client: number, to: server, waits: waits || number == 0)
            if token == .some(nil) || token == nil { return }
          }
        }
      }
    }
  }

  /// Remembers what a snapshot shows, to ask for the same later.
  func rememberSnapshot(_ server: ServerProcess) async throws {
    let reply = try await client(server).query("SELECT count(*) FROM \(Self.table)").expect(200)
    let snapshot = try #require(reply["snapshot_id"]?.integer)
    let count = try #require(reply["rows", 0, 0]?.integer)
    state.withLock { state in
      if let known = state.counts[snapshot] { #expect(known == count) }
      state.counts[snapshot] = count
    }
  }

  /// Sends every event again that was ever sent, and expects each of them once.
  func expectEverythingOnce(_ server: ServerProcess) async throws {
    let keys = state.withLock { $0.sent.sorted() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for part in 0..<8 {
        group.addTask { [self] in
          for key in keys.enumerated().filter({ $0.offset % 8 == part }).map(\.element) {
            let number = Int(key.dropFirst().prefix { $0 != "-" }) ?? 0
            try #require(try await write(key, client: number, to: server) != nil)
          }
        }
      }
      try await group.waitForAll()
    }
    let tokens = state.withLock { $0.acknowledged }
    #expect(tokens.count == keys.count)
    #expect(
      Set(tokens.values) == Set((1...Int64(max(keys.count, 1))).prefix(keys.count)),
      "tokens are dense")
    let reply = try await client(server).query(
      "SELECT count(*), count(DISTINCT key) FROM \(Self.table)",
      more: #", "min_visibility_token": \#(keys.count), "consistency_timeout_ms": 60000"#
    ).expect(200)
    #expect(reply["rows", 0, 0]?.integer == Int64(keys.count))
    #expect(reply["rows", 0, 1]?.integer == Int64(keys.count))
    #expect(reply["dead_letter_count"]?.integer == 0)
    #expect(try await rowKeys(server) == Set(keys))
  }

  private func rowKeys(_ server: ServerProcess) async throws -> Set<String> {
    let reply = try await client(server).query(
      "SELECT key FROM \(Self.table)", more: #", "row_limit": 1000000"#
    ).expect(200)
    return Set(reply["rows"]?.elements?.compactMap { $0.elements?.first?.text } ?? [])
  }

  /// Expects each remembered snapshot that still exists to show what it showed.
  func expectSnapshots(_ server: ServerProcess, mayBeGone: Bool = false) async throws {
    for (snapshot, count) in state.withLock({ $0.counts }) {
      let reply = try await client(server).query(
        "SELECT count(*) FROM \(Self.table)", more: #", "snapshot_id": \#(snapshot)"#)
      if mayBeGone, reply.status == 404 { continue }
      reply.expect(200)
      #expect(reply["rows", 0, 0]?.integer == count, "at snapshot \(snapshot)")
    }
  }

  /// Expects every account to balance, every file to be whole, and no file to be anybody's.
  func expectClean(_ server: ServerProcess) async throws {
    try await client(server).post("/v1/integrity/run").expect(200)
    try await client(server).post("/v1/retention/run").expect(200)
    try await client(server).post("/v1/integrity/run").expect(200)
  }

  /// Expects, of a stopped server, that the lake holds what the catalog names and nothing else.
  func expectNoOrphans(_ server: ServerProcess) throws {
    let lake = server.dataFolder + "/lake"
    let enumerator = FileManager.default.enumerator(atPath: lake)
    let found = Set(
      (enumerator?.allObjects as? [String] ?? []).filter { $0.hasSuffix(".parquet") }
        .map { $0.split(separator: "/").last.map(String.init) ?? "" })
    let database = try SQLiteConnection(
      path: server.dataFolder + "/catalog.sqlite", mode: .readWriteCreate)
    var named: Set<String> = []
    let rows = try database.prepare(
      """
      SELECT path FROM ducklake_data_file UNION ALL SELECT path FROM ducklake_delete_file
      UNION ALL SELECT path FROM ducklake_files_scheduled_for_deletion
      """)
    while try rows.step() {
      named.insert(rows.text(0).split(separator: "/").last.map(String.init) ?? "")
    }
    #expect(
      found == named, "orphans: \(found.subtracting(named)), lost: \(named.subtracting(found))")
    let staged = try files(below: server.dataFolder + "/staging")
    #expect(staged.isEmpty, "\(staged)")
    let segments = try database.prepare("SELECT count(*) FROM duckmesh_segment")
    #expect(try segments.step() && segments.int64(0) == 0, "the bus holds what is committed")
  }
}

/// Runs a blocking call away from the cooperative pool.
func offPool<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
  }
}

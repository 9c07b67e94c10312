import Runtime
import SimdJSON

/// Clients that read, and hold what they read to what was acknowledged.
extension Workload {
  func read(_ generator: SeededGenerator, _ number: Int) async throws {
    var random = generator
    var last: [String: Int64] = [:]
    let processes = cluster.processes(with: "query")
    while goesOn {
      let process = processes[random.below(processes.count)]
      let table = random.chance(10) ? Self.gale : Self.calm[random.below(Self.calm.count)]
      let fraction = Double(random.below(10_000)) / 10_000
      switch random.below(10) {
      case 0..<5: try await readByToken(table, at: process, window: 1 + random.below(1_500))
      case 5: try await readByToken(table, at: process, window: nil)
      case 6, 7:
        if let watermark = await pinSums(table, at: process) {
          let observer = process.name + " " + table.tenant
          history.checkOrder(
            "reader \(number) of \(observer)", earlier: last[observer] ?? 0, later: watermark)
          last[observer] = watermark
        }
      default: await readPinned(at: fraction, process)
      }
      try await pause(10 + random.below(60))
    }
  }

  /// Reads the newest records at a snapshot that must hold the newest token, or all of them.
  func readByToken(
    _ table: History.TableName, at process: TortureProcess, window: Int?
  ) async throws {
    let token = history.newestToken(table)
    let from = window.map { max(0, history.recordCount - $0) } ?? 0
    let began = history.nowMs
    let reply = await client(table).query(
      "SELECT n, content FROM \(table.table) WHERE n >= \(from)",
      #", "min_visibility_token": \#(token)"#, to: process)
    history.count(window == nil ? "read all" : "read", reply?.outcome ?? "no answer")
    guard let reply, !isOutOfReach(reply, table) else { return }
    guard let answer = Self.rows(reply) else {
      history.violate(.unexpectedAnswer, "read \(table.text): \(reply.text.prefix(300))")
      return
    }
    history.check(
      .init(
        table: table, from: from, rows: answer.rows, snapshot: answer.snapshot,
        watermark: answer.watermark, minimumToken: token, process: process.name, beganMs: began))
  }

  /// Sums over the table at the latest snapshot, to be asked for again later.
  ///
  /// - Returns: the watermark of the answer.
  func pinSums(
    _ table: History.TableName, at process: TortureProcess, snapshot: Int64? = nil
  ) async -> Int64? {
    let reply = await client(table).query(
      Self.sums + table.table, snapshot.map { #", "snapshot_id": \#($0)"# } ?? "", to: process)
    history.count(snapshot == nil ? "sum" : "sum pinned", reply?.outcome ?? "no answer")
    guard let reply, !isOutOfReach(reply, table) else { return nil }
    if snapshot != nil, reply.status == 404 { return nil }
    guard reply.status == 200, let id = reply["snapshot_id"]?.integer,
      let watermark = reply.token, let row = reply["rows", 0]?.elements?.compactMap(\.integer),
      row.count == 3
    else {
      history.violate(.unexpectedAnswer, "sum \(table.text): \(reply.text.prefix(300))")
      return nil
    }
    history.check(
      .init(table: table, snapshot: id),
      .init(count: row[0], numberSum: row[1], contentSum: row[2], watermark: watermark),
      process: process.name)
    return watermark
  }

  static let sums =
    "SELECT count(*), coalesce(sum(n), 0)::BIGINT, coalesce(sum(content), 0)::BIGINT FROM "

  private func readPinned(at fraction: Double, _ process: TortureProcess) async {
    guard let pin = history.pin(at: fraction) else { return }
    _ = await pinSums(pin.table, at: process, snapshot: pin.snapshot)
  }

  /// Answers that tell nothing of rows: the server is in trouble, or a storm has the table.
  func isOutOfReach(_ reply: Reply, _ table: History.TableName) -> Bool {
    reply.isPassing || (table.isStormy && reply.status == 404)
  }

  /// - Returns: nil when the answer is not one of rows.
  static func rows(
    _ reply: Reply
  ) -> (rows: [(number: Int, content: Int64)], snapshot: Int64, watermark: Int64)? {
    guard reply.status == 200, reply["truncated"]?.isTrue == false,
      let snapshot = reply["snapshot_id"]?.integer, let watermark = reply.token,
      let elements = reply["rows"]?.elements
    else { return nil }
    var rows: [(number: Int, content: Int64)] = []
    for element in elements {
      guard let values = element.elements, values.count == 2, let number = values[0].integer,
        let content = values[1].integer
      else { return nil }
      rows.append((Int(number), content))
    }
    return (rows, snapshot, watermark)
  }
}

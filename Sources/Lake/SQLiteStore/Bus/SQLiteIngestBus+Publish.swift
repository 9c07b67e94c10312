import Consistency
import IngestBus
import Model
import Runtime
import SQLite

extension SQLiteIngestBus {
  package func publish(_ group: PublishGroup) async throws(BusError) -> [PublishOutcome] {
    let clock = database.clock
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.wall()
      var outcomes: [PublishOutcome] = []
      outcomes.reserveCapacity(group.requestCount)
      for batch in group.tenants {
        var transaction = TenantPublish(batch: batch, now: now, connection: connection)
        outcomes += try transaction.run()
      }
      CrashPoint.insidePublish.reached()
      return outcomes
    }
  }
}

/// One tenant's part of a publishing transaction.
private struct TenantPublish {
  private let batch: TenantBatch
  private let now: Timestamp
  private let day: Int64
  private let connection: SQLiteConnection
  private var skipped: [Int] = []
  private var position = 0

  init(batch: TenantBatch, now: Timestamp, connection: SQLiteConnection) {
    self.batch = batch
    self.now = now
    self.connection = connection
    day = now.microseconds / 86_400_000_000
  }

  mutating func run() throws(SQLiteError) -> [PublishOutcome] {
    guard let head = try HeadRow.read(batch.tenant, connection) else {
      // A tenant's head is made with the tenant: without one its tables are gone as well.
      return batch.requests.map { _ in .tableGone }
    }
    var assignment = TokenAssignment(head: head)
    var results: [RequestResult] = []
    results.reserveCapacity(batch.requests.count)
    for request in batch.requests {
      results.append(try publish(request, &assignment))
    }
    let newHead = assignment.committedHead
    if newHead > head {
      try insertSegment(first: head.advanced(by: 1), last: newHead)
      try HeadRow.write(newHead, tenant: batch.tenant, connection)
    }
    return results.map { result in
      switch result {
      case .refused(let outcome): outcome
      case .accepted(let tokens, let duplicates):
        .accepted(.init(tokens: tokens, duplicates: duplicates, head: newHead))
      }
    }
  }

  private enum RequestResult {
    case accepted(tokens: [VisibilityToken], duplicates: [Int])
    case refused(PublishOutcome)
  }

  private mutating func publish(
    _ request: PublishRequest, _ assignment: inout TokenAssignment
  ) throws(SQLiteError) -> RequestResult {
    let start = position
    position += request.records.count
    if let refusal = try tableRefusal(request) {
      skipped += start..<position
      return .refused(refusal)
    }
    assignment.beginRequest()
    var tokens: [VisibilityToken] = []
    tokens.reserveCapacity(request.records.count)
    var duplicates: [Int] = []
    for (index, record) in request.records.enumerated() {
      let isNew = try KeyRow.insert(
        record, token: assignment.nextToken, table: request.table, day: day, connection)
      let state: TokenAssignment.KeyState
      if isNew {
        state = .inserted
      } else {
        // The row that made the insert do nothing is there: we hold the write lock.
        guard let receipt = try KeyRow.read(record.key, connection) else {
          throw .corrupt(message: "a key is neither absent nor present")
        }
        state = .present(token: receipt.token, content: receipt.content)
      }
      switch assignment.offer(content: record.content, state: state) {
      case .new(let token):
        tokens.append(token)
      case .duplicate(let token):
        tokens.append(token)
        duplicates.append(index)
      case .conflict:
        try undo(request.records[..<index], duplicates: duplicates)
        skipped += start..<position
        return .refused(.keyReused(index: index))
      }
    }
    skipped += duplicates.map { start + $0 }
    return .accepted(tokens: tokens, duplicates: duplicates)
  }

  private func undo(
    _ records: ArraySlice<PublishRequest.Record>, duplicates: [Int]
  ) throws(SQLiteError) {
    let kept = Set(duplicates)
    for (index, record) in records.enumerated() where !kept.contains(index) {
      try KeyRow.delete(record.key, connection)
    }
  }

  private func tableRefusal(_ request: PublishRequest) throws(SQLiteError) -> PublishOutcome? {
    let statement = try connection.statement(
      """
      SELECT schema_version FROM duckmesh_table
      WHERE table_id = ? AND tenant_id = ? AND dropped_snapshot IS NULL
      """
    ).bind(request.table.rawValue, at: 1).bind(batch.tenant.rawValue, at: 2)
    guard try statement.step() else { return .tableGone }
    defer { statement.reset() }
    return statement.int64(0) == request.schemaVersion ? nil : .schemaChanged
  }

  private func insertSegment(
    first: VisibilityToken, last: VisibilityToken
  ) throws(SQLiteError) {
    let statement = try connection.statement(
      """
      INSERT INTO duckmesh_segment(tenant_id, first_token, last_token, record_count, byte_count,
        published_at, skipped, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).bind(batch.tenant.rawValue, at: 1).bind(first.rawValue, at: 2).bind(last.rawValue, at: 3)
      .bind(Int64(batch.body.recordCount), at: 4).bind(Int64(batch.body.byteCount), at: 5)
      .bind(now.microseconds, at: 6)
    if let skips = SkipList.encode(skipped) { try statement.bind(skips, at: 7) }
    try statement.bind(batch.body.compressed, at: 8).run()
  }
}

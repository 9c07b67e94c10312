import Consistency
import IngestBus
import Model
import PostgreSQL

extension PostgreSQLIngestBus {
  package func publish(_ group: PublishGroup) async throws(BusError) -> [PublishOutcome] {
    guard group.requestCount > 0 else { return [] }
    let arguments = PublishArguments(group)
    let rows: PostgreSQLRows
    do {
      rows = try await database.publishing.call(
        """
        SELECT old_heads, new_heads, outcomes, conflicts, duplicates, duplicate_tokens
        FROM \(SQLFunction.publish.name)($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::BIGINT)
        """, arguments.values(clock: database.wallOverride))
    } catch {
      throw BusError(error)
    }
    guard let outcomes = PublishAnswer(rows).outcomes(of: group) else {
      throw .damaged(reason: "the tokens of a group are not as many as its new records")
    }
    return outcomes
  }
}

/// A group as the arrays that the publishing function takes.
private struct PublishArguments {
  private var tenants: [Int64] = []
  private var recordCounts: [Int64] = []
  private var byteCounts: [Int64] = []
  private var bodies: [[UInt8]] = []
  private var tableTenants: [Int32] = []
  private var tableIDs: [Int64] = []
  private var tableVersions: [Int64] = []
  private var requestTables: [Int32] = []
  private var keys: [UInt8] = []
  private var contents: [Int64] = []
  private var recordRequests: [Int32] = []

  private struct NamedTable: Hashable {
    let table: TableID
    let schemaVersion: Int64
  }

  init(_ group: PublishGroup) {
    let recordCount = group.tenants.reduce(0) { total, batch in
      batch.requests.reduce(total) { $0 + $1.records.count }
    }
    keys.reserveCapacity(recordCount * 16)
    contents.reserveCapacity(recordCount)
    recordRequests.reserveCapacity(recordCount)
    for batch in group.tenants { add(batch) }
  }

  private mutating func add(_ batch: TenantBatch) {
    let before = contents.count
    tenants.append(batch.tenant.rawValue)
    byteCounts.append(Int64(batch.body.byteCount))
    bodies.append(batch.body.compressed)
    var places: [NamedTable: Int32] = [:]
    for request in batch.requests {
      let named = NamedTable(table: request.table, schemaVersion: request.schemaVersion)
      if let place = places[named] {
        requestTables.append(place)
      } else {
        tableTenants.append(Int32(tenants.count))
        tableIDs.append(request.table.rawValue)
        tableVersions.append(request.schemaVersion)
        let place = Int32(tableIDs.count)
        places[named] = place
        requestTables.append(place)
      }
      let place = Int32(requestTables.count)
      for record in request.records {
        withUnsafeBytes(of: record.key.high.bigEndian) { keys.append(contentsOf: $0) }
        withUnsafeBytes(of: record.key.low.bigEndian) { keys.append(contentsOf: $0) }
        contents.append(record.content)
        recordRequests.append(place)
      }
    }
    recordCounts.append(Int64(contents.count - before))
  }

  func values(clock: PostgreSQLValue) -> [PostgreSQLValue] {
    [
      .int64s(tenants), .int64s(recordCounts), .int64s(byteCounts), .byteStrings(bodies),
      .int32s(tableTenants), .int64s(tableIDs), .int64s(tableVersions), .int32s(requestTables),
      .uuids(keys), .int64s(contents), .int32s(recordRequests), clock,
    ]
  }
}

/// What the publishing function answers.
private struct PublishAnswer {
  /// For each tenant; nil where there is no such tenant.
  private let oldHeads: [Int64?]
  private let newHeads: [Int64?]
  /// For each request: 0 accepted, 1 table gone, 2 schema changed, 3 key reused; empty when every
  /// record of every request is new.
  private let outcomes: [Int64]
  /// For each request whose key is reused: the record's place in it, from 1.
  private let conflicts: [Int32]
  /// The places, from 1, of records that were there already, ascending, with their first tokens.
  private let duplicates: [Int32]
  private let duplicateTokens: [Int64]

  init(_ rows: PostgreSQLRows) {
    oldHeads = rows.optionalInt64s(0, 0)
    newHeads = rows.optionalInt64s(0, 1)
    outcomes = rows.int32s(0, 2).map(Int64.init)
    conflicts = rows.int32s(0, 3)
    duplicates = rows.int32s(0, 4)
    duplicateTokens = rows.int64s(0, 5)
  }

  /// - Returns: nil when the tokens do not come out even, so that no wrong receipt is ever given.
  func outcomes(of group: PublishGroup) -> [PublishOutcome]? {
    guard oldHeads.count == group.tenants.count, newHeads.count == group.tenants.count,
      outcomes.isEmpty || outcomes.count == group.requestCount,
      conflicts.count == outcomes.count, duplicates.count == duplicateTokens.count
    else { return nil }
    var cursor = Cursor()
    var results: [PublishOutcome] = []
    results.reserveCapacity(group.requestCount)
    for (index, batch) in group.tenants.enumerated() {
      guard let old = oldHeads[index], let new = newHeads[index] else {
        cursor.skip(batch)
        results += batch.requests.map { _ in .tableGone }
        continue
      }
      cursor.next = old + 1
      for request in batch.requests {
        results.append(outcome(of: request, head: new, &cursor))
      }
      guard cursor.next == new + 1 else { return nil }
    }
    return cursor.duplicate == duplicates.count ? results : nil
  }

  /// How far the walk over requests and records has come.
  private struct Cursor {
    var request = 0
    var record = 0
    var duplicate = 0
    /// The token of the next new record.
    var next: Int64 = 0

    mutating func skip(_ batch: TenantBatch) {
      request += batch.requests.count
      record += batch.requests.reduce(0) { $0 + $1.records.count }
    }
  }

  private func outcome(
    of request: PublishRequest, head: Int64, _ cursor: inout Cursor
  ) -> PublishOutcome {
    let place = cursor.request
    cursor.request += 1
    switch outcomes.isEmpty ? 0 : outcomes[place] {
    case 0: return accepted(request, head: head, &cursor)
    case 1:
      cursor.record += request.records.count
      return .tableGone
    case 2:
      cursor.record += request.records.count
      return .schemaChanged
    default:
      cursor.record += request.records.count
      return .keyReused(index: Int(conflicts[place]) - 1)
    }
  }

  private func accepted(
    _ request: PublishRequest, head: Int64, _ cursor: inout Cursor
  ) -> PublishOutcome {
    var tokens: [VisibilityToken] = []
    tokens.reserveCapacity(request.records.count)
    var repeated: [Int] = []
    for index in request.records.indices {
      cursor.record += 1
      if cursor.duplicate < duplicates.count, Int(duplicates[cursor.duplicate]) == cursor.record {
        tokens.append(VisibilityToken(duplicateTokens[cursor.duplicate]))
        repeated.append(index)
        cursor.duplicate += 1
      } else {
        tokens.append(VisibilityToken(cursor.next))
        cursor.next += 1
      }
    }
    return .accepted(
      .init(tokens: tokens, duplicates: repeated, head: VisibilityToken(head)))
  }
}

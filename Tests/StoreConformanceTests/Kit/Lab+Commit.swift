import Catalog
import Consistency
import IngestBus
import Model

/// An event as it comes out of a claim.
struct ClaimedEvent: Sendable, Equatable {
  let token: Int64
  let table: TableID
  let key: String
  let payload: String
}

extension TenantClaim {
  /// The events with their tokens: what a segment holds less what it skips, numbered through.
  func events() throws -> [ClaimedEvent] {
    try segments.flatMap { segment in
      let skipped = Set(segment.skipped)
      let records = try SegmentCodec.decode(segment.body).flatMap { run in
        run.records.map { (run.table, $0) }
      }
      return records.enumerated().filter { !skipped.contains($0.offset) }.map(\.element)
        .enumerated().map { index, entry in
          ClaimedEvent(
            token: segment.firstToken.rawValue + Int64(index), table: entry.0,
            key: String(decoding: entry.1.idempotencyKey, as: UTF8.self),
            payload: String(decoding: entry.1.payload, as: UTF8.self))
        }
    }
  }
}

let everything = ClaimLimit()
let leaseMs = 3_000

extension Lab {
  func claim(
    _ owner: OwnerID, _ tenants: [TenantID], limit: ClaimLimit = everything
  ) async throws -> [TenantClaim] {
    try await bus.claimBatch(owner: owner, tenants: tenants, limit: limit, leaseMs: leaseMs)
  }

  /// What a coordinator makes of claims: files in the lake and the commit that names them.
  func materialise(_ claims: [TenantClaim], owner: OwnerID) throws -> EventCommit {
    var files: [NewDataFile] = []
    var ledger: [NewLedgerRow] = []
    var letters: [NewDeadLetter] = []
    var tables: Set<TableID> = []
    for claim in claims {
      let byTable = Dictionary(grouping: try claim.events(), by: \.table)
      for (table, events) in byTable.sorted(by: { $0.key < $1.key }) {
        let rows = events.filter(\.isRow)
        let bad = events.filter { $0.payload.hasPrefix("bad") }
        tables.insert(table)
        if !rows.isEmpty { files.append(write(rows.map(\.token), of: table)) }
        letters += bad.map { letter($0, tenant: claim.tenant) }
        ledger.append(
          NewLedgerRow(
            tenant: claim.tenant, table: table,
            counts: LedgerCounts(
              inserted: Int64(rows.count),
              superseded: Int64(events.count { $0.payload.hasPrefix("superseded") }),
              noOperation: Int64(events.count { $0.payload.hasPrefix("noop") }),
              deadLettered: Int64(bad.count))))
      }
    }
    return EventCommit(
      id: .random(), owner: owner, fences: claims.map(\.fence),
      tables: tables.sorted().map { CommittedTable(table: $0, schemaVersion: 1) }, files: files,
      ledger: ledger, deadLetters: letters)
  }

  /// Claims and commits all that is pending of the tenants.
  @discardableResult
  func commitAll(
    _ tenants: [TenantID], owner: OwnerID = OwnerID("committer")
  ) async throws -> CommitReceipt {
    try await catalog.commit(materialise(try await claim(owner, tenants), owner: owner))
  }

  func write(_ tokens: [Int64], of table: TableID) -> NewDataFile {
    let name = "data-\(RandomHex.digits(16)).parquet"
    lake.write(tokens, to: name)
    return NewDataFile(
      table: table, name: name, recordCount: Int64(tokens.count), byteCount: 100,
      footerByteCount: 10,
      statistics: [
        ColumnStatistics(
          columnID: 1, byteCount: 8, valueCount: Int64(tokens.count), nullCount: 0, minimum: "1",
          maximum: "9", containsNaN: nil)
      ])
  }

  func letter(_ event: ClaimedEvent, tenant: TenantID) -> NewDeadLetter {
    NewDeadLetter(
      tenant: tenant, table: event.table, token: VisibilityToken(event.token), schemaVersion: 1,
      operation: 0, reason: "bad_payload", message: "it is bad",
      idempotencyKey: Array(event.key.utf8), payload: Array(event.payload.utf8))
  }
}

extension ClaimedEvent {
  var isRow: Bool {
    !["bad", "noop", "superseded"].contains { payload.hasPrefix($0) }
  }
}

extension Lab {
  /// The tokens of a tenant's rows that a query at the snapshot would read, sorted.
  func visibleTokens(_ tenant: TenantID, at snapshot: SnapshotID) async throws -> [Int64] {
    try await visibleTokensByTable(tenant, at: snapshot).values.flatMap { $0 }.sorted()
  }

  func visibleTokensByTable(
    _ tenant: TenantID, at snapshot: SnapshotID
  ) async throws -> [String: [Int64]] {
    let names = try await catalog.manifests(tenant: tenant, names: nil, at: snapshot)
      .map(\.table.name)
    var tokens: [String: [Int64]] = [:]
    for manifest in try await catalog.manifests(tenant: tenant, names: names, at: snapshot) {
      var rows: [Int64] = []
      for file in manifest.files { rows += try rowTokens(of: file, at: snapshot) }
      tokens[manifest.table.name] = rows.sorted()
    }
    return tokens
  }

  /// The rows of a file that a reader at the snapshot sees; a merged file's rows carry the snapshot
  /// that added them, which a test's lake keeps beside the tokens.
  private func rowTokens(of file: DataFileRecord, at snapshot: SnapshotID) throws -> [Int64] {
    let name = String(file.path.split(separator: "/").last ?? "")
    guard var rows = lake.rows(at: name) else { throw MissingFile(path: file.path) }
    let deleted = try deletedPositions(of: file)
    rows = rows.enumerated().filter { !deleted.contains($0.offset) }.map(\.element)
    guard let newest = file.partialMaximum, newest > snapshot else { return rows.map(\.token) }
    return rows.filter { $0.addedBy.map { $0 <= snapshot } ?? true }.map(\.token)
  }

  /// What the delete file over a data file names.
  func deletedPositions(of file: DataFileRecord) throws -> Set<Int> {
    guard let deletes = file.deletes else { return [] }
    let name = String(deletes.path.split(separator: "/").last ?? "")
    guard let deleted = lake.deleted(at: name), Int64(deleted.count) == deletes.deleteCount
    else { throw MissingFile(path: deletes.path) }
    return deleted
  }
}

struct MissingFile: Error { let path: String }

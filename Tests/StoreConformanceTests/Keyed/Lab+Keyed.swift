import Catalog
import Consistency
import IngestBus
import Model

/// What an event of a keyed table does; its payload says so: `put KEY` or `del KEY`.
struct KeyedEvent: Sendable {
  let token: Int64
  let table: TableID
  let key: String
  let isDelete: Bool

  init(_ event: ClaimedEvent) {
    token = event.token
    table = event.table
    isDelete = event.payload.hasPrefix("del ")
    key = String(event.payload.dropFirst(4))
  }
}

/// Where a live row of a keyed table is.
private struct Place {
  let file: DataFileRecord
  let position: Int
}

extension Lab {
  func makeKeyedTable(
    _ name: String = "items", of tenant: String, rule: ExistingKeyRule = .upsert
  ) async throws -> TableRecord {
    try await catalog.createTable(
      TableDefinition(
        name: name, schema: try Self.schema(), primaryKey: ["id"], onExistingKey: rule),
      tenant: try await makeTenant(tenant).id)
  }

  func publish(_ table: TableRecord, payloads: [String]) async throws {
    let events = payloads.map { TestEvent(RandomHex.digits(32), $0) }
    _ = try await publish([Draft(table, events)])
  }

  /// What a coordinator makes of claims on keyed tables: the highest token of each key wins, and
  /// the row that the lake holds of the key is deleted at its place.
  func materialiseKeyed(_ claims: [TenantClaim], owner: OwnerID) async throws -> EventCommit {
    var parts: [KeyedPart] = []
    for claim in claims {
      let events = try claim.events().map(KeyedEvent.init)
      for (table, events) in Dictionary(grouping: events, by: \.table).sorted(by: {
        $0.key < $1.key
      }) {
        parts.append(try await part(of: table, tenant: claim.tenant, events))
      }
    }
    return EventCommit(
      id: .random(), owner: owner, fences: claims.map(\.fence), tables: parts.map(\.table),
      files: parts.compactMap(\.file), deletes: parts.flatMap(\.deletes),
      ledger: parts.map(\.ledger), deadLetters: [])
  }

  private func part(
    of table: TableID, tenant: TenantID, _ events: [KeyedEvent]
  ) async throws -> KeyedPart {
    let files = try await catalog.lookupFiles(of: table, columns: [1]).map(\.file)
    var places: [String: Place] = [:]
    for file in files {
      let deleted = try deletedPositions(of: file)
      for (position, row) in try rows(of: file).enumerated() where !deleted.contains(position) {
        places[row.key ?? ""] = Place(file: file, position: position)
      }
    }
    let winners = Dictionary(events.map { ($0.key, $0) }) { $0.token > $1.token ? $0 : $1 }
    let added = winners.values.filter { !$0.isDelete }.sorted { $0.token < $1.token }
    let removed = winners.values.compactMap { places[$0.key] }
    let deletions = winners.values.filter(\.isDelete)
    let counts = LedgerCounts(
      inserted: Int64(added.count),
      deleted: Int64(deletions.count { places[$0.key] != nil }),
      superseded: Int64(events.count - winners.count),
      noOperation: Int64(deletions.count { places[$0.key] == nil }))
    return KeyedPart(
      table: CommittedTable(
        table: table, schemaVersion: 1, liveFiles: Set(files.map(\.live))),
      file: added.isEmpty
        ? nil
        : write(rows: added.map { .init(token: $0.token, addedBy: nil, key: $0.key) }, of: table),
      deletes: try Dictionary(grouping: removed, by: \.file.id).sorted { $0.key < $1.key }
        .map { try writeDeletes($0.value.map(\.position), over: $0.value[0].file, of: table) },
      ledger: NewLedgerRow(
        tenant: tenant, table: table, counts: counts, removedRows: Int64(removed.count)))
  }

  func rows(of file: DataFileRecord) throws -> [TokenLake.Row] {
    guard let rows = lake.rows(at: String(file.path.split(separator: "/").last ?? "")) else {
      throw MissingFile(path: file.path)
    }
    return rows
  }

  func write(rows: [TokenLake.Row], of table: TableID) -> NewDataFile {
    let file = write(rows.map(\.token), of: table)
    lake.write(rows: rows, to: file.name)
    return file
  }

  /// A delete file that names the positions and those of the delete file before.
  func writeDeletes(
    _ positions: [Int], over file: DataFileRecord, of table: TableID
  ) throws -> NewDeleteFile {
    let all = try deletedPositions(of: file).union(positions)
    return writeDeletes(all, over: file.id, of: table)
  }

  func writeDeletes(_ all: Set<Int>, over dataFile: Int64, of table: TableID) -> NewDeleteFile {
    let name = "data-\(RandomHex.digits(16)).parquet"
    lake.write(deleted: all, to: name)
    return NewDeleteFile(
      table: table, dataFile: dataFile, name: name, deleteCount: Int64(all.count), byteCount: 50,
      footerByteCount: 5)
  }

  /// Claims and commits all that is pending of a keyed table's tenant.
  @discardableResult
  func commitKeyed(
    _ tenant: TenantID, owner: OwnerID = OwnerID("committer")
  ) async throws -> CommitReceipt {
    let claims = try await claim(owner, [tenant])
    return try await catalog.commit(try await materialiseKeyed(claims, owner: owner))
  }

  /// One commit of the events.
  @discardableResult
  func commit(_ table: TableRecord, _ payloads: String...) async throws -> CommitReceipt {
    try await publish(table, payloads: payloads)
    return try await commitKeyed(table.tenant)
  }

  /// Reads the live rows of files and says how they would be written as one.
  func planRewrite(
    _ table: TableRecord, owner: OwnerID, epoch: LeaseEpoch,
    of chosen: ([DataFileRecord]) -> [DataFileRecord] = { $0 }
  ) async throws -> RewriteCommit {
    let inputs = chosen(try await catalog.liveFiles(of: table.id).map(\.file))
    var rows: [TokenLake.Row] = []
    for input in inputs {
      let deleted = try deletedPositions(of: input)
      rows += try self.rows(of: input).enumerated().filter { !deleted.contains($0.offset) }
        .map { .init(token: $0.element.token, addedBy: nil, key: $0.element.key) }
    }
    return RewriteCommit(
      id: .random(), owner: owner, epoch: epoch, table: table.id, schemaVersion: 1,
      inputs: inputs, output: rows.isEmpty ? nil : write(rows: rows, of: table.id))
  }

  @discardableResult
  func rewrite(
    _ table: TableRecord, owner: OwnerID = OwnerID("rewriter"),
    of chosen: ([DataFileRecord]) -> [DataFileRecord] = { $0 }
  ) async throws -> CommitReceipt {
    let epoch = try await leased(table, owner)
    return try await catalog.commit(
      try await planRewrite(table, owner: owner, epoch: epoch, of: chosen))
  }

  func leased(_ table: TableRecord, _ owner: OwnerID) async throws -> LeaseEpoch {
    guard let epoch = try await catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs)
    else { throw LeaseTaken() }
    return epoch
  }
}

struct LeaseTaken: Error {}

private struct KeyedPart {
  let table: CommittedTable
  let file: NewDataFile?
  let deletes: [NewDeleteFile]
  let ledger: NewLedgerRow
}

/// Keyed tables as they must be: at a watermark, the last event of each key up to it.
struct KeyedModel: Sendable {
  private(set) var events: [KeyedEvent] = []

  /// - Parameter batch: in the order of their tokens, which follow those before.
  mutating func add(_ batch: [(table: TableID, payload: String)]) {
    for (table, payload) in batch {
      events.append(
        KeyedEvent(
          ClaimedEvent(
            token: Int64(events.count + 1), table: table, key: "", payload: payload)))
    }
  }

  func tokens(of table: TableID, at watermark: VisibilityToken) -> [Int64] {
    var last: [String: KeyedEvent] = [:]
    for event in events where event.table == table && event.token <= watermark.rawValue {
      last[event.key] = event
    }
    return last.values.filter { !$0.isDelete }.map(\.token).sorted()
  }
}

import Catalog
import Consistency
import Model
import PostgreSQL
import Runtime

extension PostgreSQLCatalog {
  package func commit(_ commit: EventCommit) async throws(CommitError) -> CommitReceipt {
    if let contradiction = commit.contradiction { throw .inconsistent(reason: contradiction) }
    let unaccounted = Self.unaccounted(commit)
    let values =
      CommitValues.events(commit) + [
        .bool(unaccounted == nil), database.wallOverride, database.leaseOverride,
      ]
    let rows: PostgreSQLRows
    do {
      rows = try await database.general.call(Self.eventStatement(values.count), values)
    } catch {
      throw CommitError(error)
    }
    switch rows.text(0, 0) {
    case "committed": return Self.receipt(rows, 0, from: 1)
    case "fenced": throw .fenced(rows.int64s(0, 3).map(TenantID.init))
    case "changed": throw .tablesChanged(rows.int64s(0, 3).map(TableID.init))
    case "letters": throw .lettersChanged(rows.int64s(0, 3))
    case "unaccounted": throw .inconsistent(reason: unaccounted ?? "")
    case "foreign": throw .inconsistent(reason: "a table of another tenant")
    case "unsearched":
      throw .inconsistent(reason: "a keyed table's events without a look for their keys")
    case "miscounted":
      throw .inconsistent(reason: "delete files do not remove the rows of a table's ledger")
    default: throw .unavailable(reason: "other programs write to the lake")
    }
  }

  private static func eventStatement(_ count: Int) -> String {
    """
    SELECT outcome, committed, committed_time, refused
    FROM \(SQLFunction.commitEvents.name)(\(CommitValues.places(count)))
    """
  }

  /// What of `CommitRules.check` needs nothing but the commit: every token that the watermark
  /// passes is in the ledger, every row that the ledger inserted is in a file.
  private static func unaccounted(_ commit: EventCommit) -> String? {
    var counts: [TenantID: LedgerCounts] = [:]
    var tenantOfTable: [TableID: TenantID] = [:]
    for row in commit.ledger {
      counts[row.tenant, default: LedgerCounts()] =
        counts[row.tenant, default: .init()] + row.counts
      tenantOfTable[row.table] = row.tenant
    }
    var rows: [TenantID: Int64] = [:]
    for file in commit.files {
      if let tenant = tenantOfTable[file.table] { rows[tenant, default: 0] += file.recordCount }
    }
    for fence in commit.fences {
      let refusal = CommitRules.account(
        fence, ledger: counts[fence.tenant] ?? LedgerCounts(), fileRows: rows[fence.tenant] ?? 0)
      switch refusal {
      case .unaccountedTokens(let expected, let found):
        return "\(expected) tokens passed, \(found) accounted for"
      case .rowsDiffer(let ledger, let files):
        return "\(ledger) rows in the ledger, \(files) in the files"
      case .fenced, nil: continue
      }
    }
    return nil
  }

  package func commit(_ merge: MergeCommit) async throws(CommitError) -> CommitReceipt {
    if let contradiction = merge.contradiction { throw .inconsistent(reason: contradiction) }
    guard merge.output.table == merge.table, !merge.inputs.isEmpty,
      Set(merge.inputs.map(\.id)).count == merge.inputs.count
    else { throw .inconsistent(reason: "an input twice or none, or another table's output") }
    let read = merge.inputs.reduce(0) { $0 + $1.recordCount }
    guard read == merge.output.recordCount else {
      throw .inconsistent(reason: "\(read) rows read, \(merge.output.recordCount) written")
    }
    let values = CommitValues.merge(merge) + [database.wallOverride, database.leaseOverride]
    let rows: PostgreSQLRows
    do {
      rows = try await database.maintenance.call(
        """
        SELECT outcome, committed, committed_time
        FROM \(SQLFunction.commitMerge.name)(\(CommitValues.places(values.count)))
        """, values)
    } catch {
      throw CommitError(error)
    }
    switch rows.text(0, 0) {
    case "committed": return Self.receipt(rows, 0, from: 1)
    case "fenced": throw .fenced([])
    case "changed": throw .filesChanged
    default: throw .unavailable(reason: "other programs write to the lake")
    }
  }

  package func resolve(
    _ id: CommitID, owner: OwnerID, fences: [TenantFence]
  ) async throws(CatalogError) -> CommitReceipt? {
    let rows = try await call(
      "SELECT committed, committed_time FROM \(SQLFunction.resolveEvents.name)($1, $2, $3, $4)",
      [
        .text(id.rawValue), .text(owner.rawValue), .int64s(fences.map(\.tenant.rawValue)),
        .int64s(fences.map(\.epoch.rawValue)),
      ])
    return rows.isNull(0, 0) ? nil : Self.receipt(rows, 0, from: 0)
  }

  package func resolve(_ merge: MergeCommit) async throws(CatalogError) -> CommitReceipt? {
    try await resolve(merge.id, of: merge.table, owner: merge.owner, epoch: merge.epoch)
  }

  func resolve(
    _ id: CommitID, of table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError) -> CommitReceipt? {
    let rows = try await call(
      "SELECT committed, committed_time FROM \(SQLFunction.resolveMerge.name)($1, $2, $3, $4)",
      [
        .text(id.rawValue), .int64(table.rawValue), .text(owner.rawValue),
        .int64(epoch.rawValue),
      ])
    return rows.isNull(0, 0) ? nil : Self.receipt(rows, 0, from: 0)
  }

  static func receipt(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int
  ) -> CommitReceipt {
    CommitReceipt(
      snapshot: SnapshotID(rows.int64(row, first)),
      time: Timestamp(microseconds: rows.int64(row, first + 1)))
  }
}

import Catalog
import Coordinator
import Model
import ObjectStore
import Observability
import Runtime

/// Why content was not put back.
package enum RestoreFailure: Error, Sendable {
  case snapshotNotFound
  /// The snapshot does not show these tables; none of them for one that shows no table at all.
  case tablesNotFound([String])
  /// A dropped table cannot come back under a name that another one has by now.
  case nameTaken(String)
  /// Columns of today must have a value and have none in the old rows.
  case incompatible(table: String, columns: [String])
  /// Maintenance or another restore has the tables, or they change all the time.
  case busy
  case environment(EnvironmentFailure)
}

/// What a restore did.
package struct RestoreSummary: Sendable, Equatable {
  package let commit: CommitReceipt
  package let tables: [String]
  package var filesKept = 0
  package var filesLinked = 0
  package var filesRewritten = 0
  package let restoredRows: Int64
  /// Nil when the answer to the commit was lost, and it was found out only that it was applied.
  package let undoneRows: Int64?
}

/// Puts the content that tables had at an old snapshot back, as a new snapshot.
///
/// Files that are live and show the same as then stay. Others come back under new names, since a
/// name stands in one row of the lake for ever: whole ones as further names of the same bytes,
/// those of which not all rows are to be read by being written anew.
struct Restorer: Sendable {
  /// Longer than any restore: its commit needs the leases to be live.
  private static let leaseMs = 600_000
  /// Turns with files that stay, which a commit of events may touch before the restore's; after
  /// them nothing stays, so that no commit of events is in the way.
  private static let optimisticTurns = 2
  private static let turns = 4
  /// Looks for a table's lease while a merge has it, and the time between them.
  private static let leaseLooks = 150
  private static let leaseWaitMs = 200
  private static let holdLimit = 1_000

  let catalog: any Catalog
  let store: any ObjectStore
  /// Writes files under this restorer's leases.
  let merger: Merger
  let clock: any MonotonicClock
  let logger: Logger

  /// One table with its lease, as it was then and as it is now.
  struct Table: Sendable {
    let epoch: LeaseEpoch
    let then: TableManifest
    let now: TableRecord
    let live: [DataFileRecord]
    /// Rows that the table had then.
    let rowCount: Int64
  }

  /// - Parameter names: any case; nil for all tables of the snapshot.
  func restore(
    _ snapshot: SnapshotID, names: [String]?, tenant: TenantID
  ) async throws(RestoreFailure) -> RestoreSummary {
    _ = try await asking { () async throws(CatalogError) in
      try await self.catalog.snapshot(snapshot, tenant: tenant)
    }
    let hold = try await asking { () async throws(CatalogError) in
      try await self.catalog.hold(
        snapshot...snapshot, tenant: tenant, leaseMs: Self.leaseMs, limit: Self.holdLimit)
    }
    guard let hold else { throw .busy }
    var leases: [TableID: LeaseEpoch] = [:]
    let result: Result<RestoreSummary, RestoreFailure>
    do throws(RestoreFailure) {
      let tables = try await tables(snapshot, names: names, tenant: tenant)
      try await lease(tables, &leases)
      result = .success(
        try await restore(tables, from: snapshot, tenant: tenant, leases: leases))
    } catch {
      result = .failure(error)
    }
    // What cannot be given back runs out. Whoever asked may be gone by now.
    let (catalog, owner, held) = (catalog, merger.owner, leases)
    await BackgroundWork {
      for (table, epoch) in held {
        try? await catalog.releaseTable(table, owner: owner, epoch: epoch)
      }
      try? await catalog.release(hold)
    }.value()
    return try result.get()
  }

  /// The tables that are asked for, as the snapshot shows them.
  private func tables(
    _ snapshot: SnapshotID, names: [String]?, tenant: TenantID
  ) async throws(RestoreFailure) -> [TableManifest] {
    let all = try await asking { () async throws(CatalogError) in
      try await self.catalog.manifests(tenant: tenant, names: nil, at: snapshot)
    }.map(\.table.name)
    let known = Set(all.map { $0.lowercased() })
    let missing = (names ?? []).filter { !known.contains($0.lowercased()) }
    guard missing.isEmpty, !all.isEmpty else { throw .tablesNotFound(missing) }
    return try await asking { () async throws(CatalogError) in
      try await self.catalog.manifests(tenant: tenant, names: names ?? all, at: snapshot)
    }
  }

  /// Leases the tables in the order of their ids: two restores never wait for each other.
  private func lease(
    _ tables: [TableManifest], _ leases: inout [TableID: LeaseEpoch]
  ) async throws(RestoreFailure) {
    for table in tables.map(\.table.id).sorted() {
      for look in 1...Self.leaseLooks {
        let epoch = try await asking { () async throws(CatalogError) in
          try await self.catalog.leaseTable(
            table, owner: self.merger.owner, leaseMs: Self.leaseMs)
        }
        if let epoch {
          leases[table] = epoch
          break
        }
        guard look < Self.leaseLooks, !Task.isCancelled else { throw .busy }
        _ = await Notifier().wait(until: clock.now.advanced(byMs: Self.leaseWaitMs), on: clock)
      }
    }
  }

  private func renewLease(of table: Table) async throws(RestoreFailure) {
    let epoch = try await asking { () async throws(CatalogError) in
      try await self.catalog.leaseTable(
        table.now.id, owner: self.merger.owner, leaseMs: Self.leaseMs)
    }
    guard epoch == table.epoch else { throw .busy }
  }

  private func restore(
    _ manifests: [TableManifest], from snapshot: SnapshotID, tenant: TenantID,
    leases: [TableID: LeaseEpoch]
  ) async throws(RestoreFailure) -> RestoreSummary {
    for turn in 1...Self.turns {
      // Merges may have changed the files between the first look and the leases.
      let tables = try await read(manifests.map(\.table), snapshot, tenant, leases)
      var work = RestoreWork(keepsFiles: turn <= Self.optimisticTurns)
      do throws(RestoreFailure) {
        for table in tables {
          try await renewLease(of: table)
          try await prepare(table, at: snapshot, &work)
        }
      } catch {
        try? await store.delete(work.keys)
        throw error
      }
      let commit = RestoreCommit(
        id: .random(), owner: merger.owner, tenant: tenant, restoredFrom: snapshot,
        tables: work.tables)
      if let receipt = try await send(commit, work) {
        return report(receipt, work, tables)
      }
    }
    throw .busy
  }

  private func read(
    _ tables: [TableRecord], _ snapshot: SnapshotID, _ tenant: TenantID,
    _ leases: [TableID: LeaseEpoch]
  ) async throws(RestoreFailure) -> [Table] {
    let manifests = try await asking { () async throws(CatalogError) in
      try await self.catalog.manifests(tenant: tenant, names: tables.map(\.name), at: snapshot)
    }
    let contents = try await asking { () async throws(CatalogError) in
      try await self.catalog.contents(of: [snapshot], tenant: tenant)
    }[snapshot, default: []]
    let rows = Dictionary(contents.map { ($0.name, $0.rows) }) { first, _ in first }
    var read: [Table] = []
    for manifest in manifests {
      let id = manifest.table.id
      let now = try await asking { () async throws(CatalogError) in
        try await self.catalog.tables(ids: [id])
      }.first
      guard let epoch = leases[id], let now else { throw .busy }
      let live = try await asking { () async throws(CatalogError) in
        now.isDropped ? [] : try await self.catalog.liveFiles(of: id).map(\.file)
      }
      try await check(manifest.table, against: now)
      read.append(
        Table(
          epoch: epoch, then: manifest, now: now, live: live,
          rowCount: rows[manifest.table.name] ?? 0))
    }
    return read
  }

  /// Whether the table can be as it was, and old rows can be rows of today.
  private func check(
    _ then: TableRecord, against now: TableRecord
  ) async throws(RestoreFailure) {
    if now.isDropped {
      let other = try await asking { () async throws(CatalogError) in
        try await self.catalog.table(named: now.name, tenant: now.tenant)
      }
      guard other == nil else { throw .nameTaken(now.name) }
    }
    let known = Dictionary(
      zip(then.columnIDs, then.definition.schema.columns)
    ) { first, _ in first }
    let lacking = zip(now.columnIDs, now.definition.schema.columns).filter { id, column in
      guard !column.isNullable else { return false }
      return known[id].map(\.isNullable) ?? (column.defaultValue == nil)
    }
    guard lacking.isEmpty else {
      throw .incompatible(table: now.name, columns: lacking.map(\.1.name))
    }
  }

  func asking<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(RestoreFailure) -> Value {
    do {
      return try await body()
    } catch .snapshotNotFound {
      throw .snapshotNotFound
    } catch {
      throw .environment(.catalog("\(error)"))
    }
  }
}

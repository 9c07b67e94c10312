import Catalog
import Model
import WorkerProtocol

/// The SQL of a table's changes between snapshots, over its files.
///
/// Each file says when its rows came (its first snapshot, or the one that a merged file's rows
/// carry) and when they went (a delete file, or the file's end). Where a row comes and goes at once
/// with the same content, as in rewrites and restores, that is no change. **Invariant:** for each
/// row and content, what came less what went at a kept snapshot is the difference between what that
/// snapshot shows and what the kept one before it shows.
package struct ChangesSQL {
  /// What the worker calls the relation.
  static let relationName = "changes"
  private static let rowIDFieldID: Int64 = 2_147_483_540

  /// The table as it is at the last snapshot of the range.
  private let table: TableRecord
  private let base: SnapshotID
  /// The kept snapshots after the base, ascending; the last is the end of the range.
  private let kept: [SnapshotID]
  let files: [ChangedFile]
  private let localPath: (String) -> String

  /// - Parameter localPath: where a reader on this machine finds a file of the lake.
  package init(
    table: TableRecord, base: SnapshotID, kept: [SnapshotID], files: [ChangedFile],
    localPath: @escaping (String) -> String
  ) {
    self.table = table
    self.base = base
    self.kept = kept
    self.files = files
    self.localPath = localPath
  }

  package var relation: RelationDefinition {
    RelationDefinition(name: Self.relationName, select: select, setup: setup)
  }

  /// The statement that reads the relation: in the order of snapshots, and of keys or rows in one.
  package var statement: String {
    let key = table.definition.isKeyed ? table.definition.primaryKey : [rowIDColumn]
    let order =
      [snapshotColumn] + key + [typeColumn]
    let list = order.map { SQLText.identifier($0) }.joined(separator: ", ")
    return "SELECT * FROM \(Self.relationName) ORDER BY \(list) DESC"
  }

  private var names: [String] { table.definition.schema.columns.map(\.name) }
  private var list: String { names.map { SQLText.identifier($0) }.joined(separator: ", ") }
  private var snapshotColumn: String { free("_snapshot_id") }
  private var rowIDColumn: String { free("_row_id") }
  private var typeColumn: String { free("_change_type") }

  /// A name that no column of the table has.
  private func free(_ name: String) -> String {
    let taken = Set(names.map { $0.lowercased() })
    var name = name
    while taken.contains(name) { name = "_" + name }
    return name
  }

  /// The snapshot that shows first what happened at `snapshot`; nil for what is after the range.
  private func shown(_ snapshot: SnapshotID) -> SnapshotID? {
    var (low, high) = (0, kept.count)
    while low < high {
      let middle = (low + high) / 2
      if kept[middle] < snapshot { low = middle + 1 } else { high = middle }
    }
    return low < kept.count ? kept[low] : nil
  }

  private func isInRange(_ snapshot: SnapshotID?) -> Bool {
    guard let snapshot, let last = kept.last else { return false }
    return snapshot > base && snapshot <= last
  }

  /// Files whose rows all came at once, in the range.
  private var added: [ChangedFile] {
    files.filter { $0.file.partialMaximum == nil && isInRange($0.file.begin) }
  }

  /// Files whose rows carry the snapshot that added them.
  private var mixed: [ChangedFile] { files.filter { ($0.file.partialMaximum ?? base) > base } }
  private var ended: [ChangedFile] { files.filter { isInRange($0.end) } }
  private var deleted: [ChangedFile] { files.filter { !$0.steps.isEmpty } }

  private var hasEnds: Bool { !ended.isEmpty || !deleted.isEmpty }

  /// Whether a row may have come and gone at once. Without that all that came and went is told.
  private var needsBalance: Bool {
    guard hasEnds else { return false }
    let isThinned = files.contains { file in
      ([file.file.begin] + file.steps.map(\.begin)).contains {
        isInRange($0) && shown($0) != $0
      }
    }
    return isThinned || !ended.isEmpty
      || files.contains { file in
        file.steps.contains { $0.deletes.partialMaximum != nil || $0.begin <= file.file.begin }
      }
  }
}

extension ChangesSQL {
  private var setup: [String] {
    var statements = [
      "CREATE TEMP TABLE _dl_kept AS SELECT unnest(\(numbers(kept.map(\.rawValue)))) AS shown_at"
    ]
    if !deleted.isEmpty { statements.append("CREATE TEMP TABLE _dl_dead AS \(deadPositions)") }
    statements.append("CREATE TEMP VIEW _dl_events AS \(events)")
    if needsBalance {
      statements.append(
        """
        CREATE TEMP TABLE _dl_balance AS
        SELECT _dl_at, _dl_row, _dl_digest, sum(_dl_weight)::BIGINT AS balance FROM _dl_events
        GROUP BY ALL HAVING sum(_dl_weight) <> 0
        """)
    }
    statements.append("CREATE TEMP VIEW _dl_told AS \(told)")
    if hasEnds {
      statements.append(
        """
        CREATE TEMP TABLE _dl_updated AS SELECT _dl_at, \(pairing) FROM _dl_told
        GROUP BY ALL HAVING bool_or(_dl_weight > 0) AND bool_or(_dl_weight < 0)
        """)
    }
    return statements
  }

  /// By what an old row and a new one are the same thing.
  private var pairing: String {
    table.definition.isKeyed
      ? table.definition.primaryKey.map { SQLText.identifier($0) }.joined(separator: ", ")
      : "_dl_row"
  }

  private var select: String {
    let type =
      hasEnds
      ? """
      CASE WHEN (_dl_at, \(pairing)) IN (SELECT (_dl_at, \(pairing)) FROM _dl_updated)
        THEN CASE WHEN _dl_weight > 0 THEN 'update_postimage' ELSE 'update_preimage' END
        WHEN _dl_weight > 0 THEN 'insert' ELSE 'delete' END
      """ : "'insert'"
    return """
      SELECT _dl_at AS \(SQLText.identifier(snapshotColumn)),
        _dl_row AS \(SQLText.identifier(rowIDColumn)),
        \(type) AS \(SQLText.identifier(typeColumn)), \(list)
      FROM _dl_told
      """
  }

  /// What came and what went, less what did both.
  private var told: String {
    guard needsBalance else { return "SELECT * FROM _dl_events" }
    return """
      SELECT e.* FROM _dl_events e JOIN _dl_balance b ON e._dl_at = b._dl_at
        AND e._dl_row = b._dl_row AND e._dl_digest = b._dl_digest
        AND e._dl_weight = sign(b.balance)
      QUALIFY row_number() OVER (PARTITION BY e._dl_at, e._dl_row, e._dl_digest) = 1
      """
  }

  /// Every row that came (weight 1) or went (-1), with the snapshot that shows it first.
  private var events: String {
    var parts: [String] = []
    if !added.isEmpty {
      parts.append(part(added, at: shownAt(added.map(\.file.begin)), weight: 1))
    }
    if !mixed.isEmpty {
      parts.append(
        part(
          mixed, at: "_dl_kept.shown_at", weight: 1,
          join: "ASOF JOIN _dl_kept ON _dl_kept.shown_at >= \(rowSnapshot(mixed))",
          where: "\(rowSnapshot(mixed)) > \(base.rawValue)"))
    }
    if !deleted.isEmpty {
      let places = place(of: deleted, in: deleted)
      parts.append(
        part(
          deleted, at: "_dl_dead.shown_at", weight: -1,
          join: "JOIN _dl_dead ON _dl_dead.place = \(packed(places))",
          where: "_dl_dead.shown_at > \(base.rawValue)"))
    }
    if !ended.isEmpty {
      let places = place(of: ended, in: deleted)
      let filter =
        deleted.isEmpty
        ? nil : "\(packed(places)) NOT IN (SELECT place FROM _dl_dead)"
      parts.append(part(ended, at: shownAt(ended.compactMap(\.end)), weight: -1, where: filter))
    }
    return parts.isEmpty ? nothing : parts.joined(separator: " UNION ALL ")
  }

  private var nothing: String {
    let columns = table.definition.schema.columns.map {
      "NULL::\($0.type.sqlName) AS \(SQLText.identifier($0.name))"
    }
    return """
      SELECT NULL::BIGINT AS _dl_at, NULL::BIGINT AS _dl_row, 1 AS _dl_weight,
        NULL::UBIGINT AS _dl_digest, \(columns.joined(separator: ", ")) WHERE false
      """
  }

  private func part(
    _ files: [ChangedFile], at snapshot: String, weight: Int, join: String = "",
    where condition: String? = nil
  ) -> String {
    let digest = needsBalance ? "hash(\(list))" : "NULL::UBIGINT"
    return """
      SELECT \(snapshot) AS _dl_at, \(rowID(files)) AS _dl_row, \(weight) AS _dl_weight,
        \(digest) AS _dl_digest, \(list)
      FROM read_parquet([\(paths(files.map(\.file.path)))], schema = MAP {\(fields)},
        hive_partitioning = false) \(join)
      \(condition.map { "WHERE \($0)" } ?? "")
      """
  }

  /// The deleted positions of each file, each with the snapshot that shows it first; the base for
  /// those that were deleted by then.
  ///
  /// A delete file names the positions of those before it, so a position counts at the first.
  private var deadPositions: String {
    let steps = deleted.enumerated().flatMap { place, file in
      file.steps.map { (place: Int64(place), step: $0) }
    }
    var parts: [String] = []
    let whole = steps.filter { $0.step.deletes.partialMaximum == nil }
    if !whole.isEmpty {
      let snapshots = whole.map { entry in
        entry.step.begin > base ? shown(entry.step.begin)?.rawValue : base.rawValue
      }
      parts.append(
        """
        SELECT (\(perFile(whole.map(\.place))) << 40) | pos AS place,
          \(perFile(snapshots)) AS shown_at
        FROM read_parquet([\(paths(whole.map(\.step.deletes.path)))], hive_partitioning = false)
        """)
    }
    for entry in steps where entry.step.deletes.partialMaximum != nil {
      parts.append(
        """
        SELECT (\(entry.place)::BIGINT << 40) | pos AS place,
          CASE WHEN _ducklake_internal_snapshot_id <= \(base.rawValue) THEN \(base.rawValue)
            ELSE (SELECT min(shown_at) FROM _dl_kept WHERE shown_at >= _ducklake_internal_snapshot_id)
          END AS shown_at
        FROM read_parquet([\(paths([entry.step.deletes.path]))], hive_partitioning = false)
        """)
    }
    return """
      SELECT place, min(shown_at) AS shown_at FROM (\(parts.joined(separator: " UNION ALL ")))
      WHERE shown_at IS NOT NULL GROUP BY place
      """
  }
}

extension ChangesSQL {
  private func paths(_ keys: [String]) -> String {
    keys.map { SQLText.literal(localPath($0)) }.joined(separator: ", ")
  }

  private func numbers(_ values: [Int64?]) -> String {
    "[\(values.map { $0.map(String.init) ?? "NULL" }.joined(separator: ", "))]::BIGINT[]"
  }

  /// A number of the file that a row comes from.
  private func perFile(_ values: [Int64?]) -> String {
    "(\(numbers(values)))[file_index::BIGINT + 1]"
  }

  private func shownAt(_ snapshots: [SnapshotID]) -> String {
    perFile(snapshots.map { shown($0)?.rawValue })
  }

  private func rowID(_ files: [ChangedFile]) -> String {
    "coalesce(_dl_row_id, \(perFile(files.map(\.file.rowIDStart))) + file_row_number)"
  }

  private func rowSnapshot(_ files: [ChangedFile]) -> String {
    "coalesce(_dl_snapshot, \(perFile(files.map(\.file.begin.rawValue))))"
  }

  /// Where each file stands among those that have delete files; after them for one that
  /// has none.
  private func place(of files: [ChangedFile], in others: [ChangedFile]) -> [Int64] {
    let places = Dictionary(
      others.enumerated().map { ($0.element.file.id, Int64($0.offset)) }
    ) { first, _ in first }
    return files.map { places[$0.file.id] ?? Int64(others.count) }
  }

  /// A row's place: its file's, and its own in the file.
  private func packed(_ places: [Int64]) -> String {
    "((\(perFile(places)) << 40) | file_row_number)"
  }

  /// The table's columns by field id, and what the lake keeps beside them in some files.
  private var fields: String {
    let columns = table.definition.schema.columns.enumerated().map { index, column in
      field(
        table.columnIDs[index], column.name, column.type.sqlName,
        missing: table.initialDefaults[index])
    }
    let kept = [
      field(RelationSQL.snapshotFieldID, "_dl_snapshot", "BIGINT"),
      field(Self.rowIDFieldID, "_dl_row_id", "BIGINT"),
    ]
    return (columns + kept).joined(separator: ", ")
  }

  /// - Parameter missing: the value of rows that were written before the column was added.
  private func field(
    _ id: Int64, _ name: String, _ type: String, missing: ColumnDefault? = nil
  ) -> String {
    let value = missing.map { SQLText.literal($0.catalogText) } ?? "NULL"
    return "\(id): {name: \(SQLText.literal(name)), type: \(SQLText.literal(type)), "
      + "default_value: \(value)}"
  }
}

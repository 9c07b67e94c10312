import Catalog
import Coordinator
import Model

/// How the rows of files that become one are read: in the order of the files and of their rows, or
/// in the table's own, each row with what the lake keeps of it beside the table's columns.
struct MergeSource: Sendable {
  private enum Field {
    /// Under these DuckLake keeps the snapshot that added a row, and its row id, in files that hold
    /// rows of several commits.
    static let snapshot: (name: String, id: Int64) = (
      "_ducklake_internal_snapshot_id", 2_147_483_539
    )
    static let rowID: (name: String, id: Int64) = ("_ducklake_internal_row_id", 2_147_483_540)
    static let token: (name: String, id: Int64) = (RowShape.tokenColumn, RowShape.tokenFieldID)
  }

  /// The engine's table of deleted positions, packed with the file's place in the list.
  static let deadTable = "merge_dead"

  let inputs: [DataFileRecord]
  let table: TableRecord
  /// Whether deleted rows are left out, and rows keep their ids.
  let isRewrite: Bool
  /// Rows of later snapshots are left out; nil for none.
  var through: SnapshotID?
  let localPath: @Sendable (String) -> String

  /// The columns of the output with their field ids.
  var fields: [FieldID] { table.fieldIDs + kept.map { FieldID($0.name, $0.id) } }

  /// A rewrite's rows are rows of its own commit to whoever merges its file with older ones: were
  /// they to carry the snapshots that added them, such a merge would show them before that commit,
  /// beside the files that it ended.
  private var kept: [(name: String, id: Int64)] {
    let isKeyed = table.definition.isKeyed
    return (isKeyed ? [Field.token] : []) + (isRewrite && !isKeyed ? [] : [Field.snapshot])
      + (isRewrite || isClustered ? [Field.rowID] : [])
  }

  /// Whether the inputs need not be neighbours, and rows change their order.
  private var isClustered: Bool { table.definition.layout.isClustered }

  /// Run before `query`: what of the inputs is deleted; nil when nothing is.
  var setup: String? {
    guard isRewrite else { return nil }
    return Self.deletedPositions(inputs, localPath: localPath).map {
      "CREATE OR REPLACE TEMP TABLE \(Self.deadTable) AS "
        + "SELECT (file::BIGINT << 40) | pos AS position FROM (\($0))"
    }
  }

  var query: String {
    let columns = table.definition.schema.columns
    let list = columns.map { SQLText.identifier($0.name) }
    let values = kept.map { field in
      switch field.id {
      case Field.snapshot.id:
        "coalesce(_dl_snapshot, \(perFile(inputs.map(\.begin.rawValue)))) AS \(field.name)"
      case Field.rowID.id:
        "coalesce(_dl_row, \(perFile(inputs.map(\.rowIDStart))) + file_row_number) "
          + "AS \(field.name)"
      default: field.name
      }
    }
    var conditions: [String] = []
    if setup != nil {
      conditions.append(
        "((file_index::BIGINT << 40) | file_row_number) "
          + "NOT IN (SELECT position FROM \(Self.deadTable))")
    }
    if let through {
      conditions.append(
        "coalesce(_dl_snapshot, \(perFile(inputs.map(\.begin.rawValue)))) <= \(through.rawValue)")
    }
    let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    let order =
      (table.definition.layout.orderSQL.map { [$0] } ?? [])
      + ["file_index", "file_row_number"]
    return """
      SELECT \((list + values).joined(separator: ", "))
      FROM read_parquet([\(paths.joined(separator: ", "))], schema = MAP {\(readFields)},
        hive_partitioning = false)
      \(filter) ORDER BY \(order.joined(separator: ", "))
      """
  }

  private var paths: [String] { inputs.map { SQLText.literal(localPath($0.path)) } }

  private var readFields: String {
    var fields = table.columnIDs.indices.map { index in
      let column = table.definition.schema.columns[index]
      return Self.field(
        table.columnIDs[index], column.name, column.type.sqlName,
        missing: table.initialDefaults[index])
    }
    // Rows are left out by the snapshot that added them also where the output does not keep it.
    let isRead = kept.contains { $0.id == Field.snapshot.id } || through == nil
    for field in kept + (isRead ? [] : [Field.snapshot]) {
      let name =
        switch field.id {
        case Field.snapshot.id: "_dl_snapshot"
        case Field.rowID.id: "_dl_row"
        default: field.name
        }
      fields.append(Self.field(field.id, name, "BIGINT"))
    }
    return fields.joined(separator: ", ")
  }

  /// - Parameter missing: what files of versions before the column's have there.
  private static func field(
    _ id: Int64, _ name: String, _ type: String, missing: ColumnDefault? = nil
  ) -> String {
    let value = missing.map { SQLText.literal($0.catalogText) } ?? "NULL"
    return "\(id): {name: \(SQLText.literal(name)), type: \(SQLText.literal(type)), "
      + "default_value: \(value)}"
  }

  /// A number of the file that a row comes from.
  private func perFile(_ numbers: [Int64?]) -> String {
    let list = numbers.map { $0.map(String.init) ?? "NULL" }.joined(separator: ", ")
    return "([\(list)]::BIGINT[])[file_index::BIGINT + 1]"
  }
}

extension MergeSource {
  /// A query of the columns `file` (the place in `files`) and `pos` over all that is deleted of
  /// them; nil when nothing is.
  static func deletedPositions(
    _ files: [DataFileRecord], localPath: (String) -> String
  ) -> String? {
    let deleted = files.enumerated().compactMap { place, file in
      file.deletes.map { (place: place, path: SQLText.literal(localPath($0.path))) }
    }
    guard !deleted.isEmpty else { return nil }
    let places = deleted.map { String($0.place) }.joined(separator: ", ")
    let paths = deleted.map(\.path).joined(separator: ", ")
    return "SELECT ([\(places)]::BIGINT[])[file_index::BIGINT + 1] AS file, pos "
      + "FROM read_parquet([\(paths)], hive_partitioning = false)"
  }

  /// A query of the positions in the output of rows that were live when the inputs were read and
  /// are deleted now.
  ///
  /// Where the output has the live rows in the order of the files and of their positions, a row's
  /// place there is its place among the live rows. In a table with an order of its own it is found
  /// by its row id, which each live row has for itself.
  ///
  /// - Parameters:
  ///   - present: the inputs with the delete files that they have now.
  ///   - output: the path of the output's file.
  /// - Returns: nil when nothing is deleted.
  func movedPositions(of present: [DataFileRecord], to output: String) -> String? {
    guard let now = Self.deletedPositions(present, localPath: localPath) else { return nil }
    let before =
      Self.deletedPositions(inputs, localPath: localPath)
      ?? "SELECT 0::BIGINT AS file, 0::BIGINT AS pos WHERE false"
    guard table.definition.layout.sortOrder.isEmpty else {
      let field = Self.field(Field.rowID.id, "_dl_row", "BIGINT")
      return """
        WITH before AS (\(before)),
        fresh AS (SELECT file, pos FROM (\(now)) ANTI JOIN before USING (file, pos)),
        gone AS (
          SELECT coalesce(_dl_row, \(perFile(inputs.map(\.rowIDStart))) + file_row_number) AS id
          FROM read_parquet([\(paths.joined(separator: ", "))], schema = MAP {\(field)},
            hive_partitioning = false)
          WHERE ((file_index::BIGINT << 40) | file_row_number)
            IN (SELECT (file::BIGINT << 40) | pos FROM fresh))
        SELECT file_row_number AS pos
        FROM read_parquet([\(SQLText.literal(output))], schema = MAP {\(field)},
          hive_partitioning = false)
        WHERE _dl_row IN (SELECT id FROM gone)
        """
    }
    var first: Int64 = 0
    let firsts = inputs.map { input in
      defer { first += input.recordCount - (input.deletes?.deleteCount ?? 0) }
      return String(first)
    }
    return """
      WITH before AS (\(before)),
      ranked AS (
        SELECT file, pos, row_number() OVER (PARTITION BY file ORDER BY pos) AS rank FROM before),
      fresh AS (SELECT file, pos FROM (\(now)) ANTI JOIN before USING (file, pos))
      SELECT ([\(firsts.joined(separator: ", "))]::BIGINT[])[fresh.file + 1] + fresh.pos
        - coalesce(ranked.rank, 0) AS pos
      FROM fresh ASOF LEFT JOIN ranked ON fresh.file = ranked.file AND fresh.pos >= ranked.pos
      """
  }
}

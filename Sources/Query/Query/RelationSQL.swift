import Catalog
import Model
import WorkerProtocol

/// The SQL behind a table name: its files at one snapshot as one relation.
///
/// Columns are read by Parquet field id, so files of older schema versions give today's columns.
/// Rows that a merged file holds for newer snapshots, and rows that delete files name, are left
/// out.
package struct RelationSQL {
  /// The field id under which DuckLake keeps a row's snapshot in merged files.
  static let snapshotFieldID: Int64 = 2_147_483_539

  private let manifest: TableManifest
  private let localPath: (String) -> String

  /// - Parameter localPath: where a reader on this machine finds a file of the lake.
  package init(manifest: TableManifest, localPath: @escaping (String) -> String) {
    self.manifest = manifest
    self.localPath = localPath
  }

  package var relation: RelationDefinition {
    let snapshot = manifest.snapshot
    // Files that need no filter, those whose rows carry snapshots, those with deletes.
    let groups = Dictionary(grouping: manifest.files) { file in
      Group(
        isPartial: file.partialMaximum.map { $0 > snapshot } ?? false,
        hasDeletes: file.deletes != nil)
    }
    var selects: [String] = []
    var setup: [String] = []
    for (group, files) in groups.sorted(by: { $0.key.order < $1.key.order }) {
      let deletes = group.hasDeletes ? deletesTable(group) : nil
      if let deletes { setup += deletesSetup(files, table: deletes) }
      selects.append(select(files, group: group, deletes: deletes))
    }
    return RelationDefinition(
      name: manifest.table.name,
      select: selects.isEmpty ? emptySelect : selects.joined(separator: " UNION ALL "),
      setup: setup)
  }

  private struct Group: Hashable {
    let isPartial: Bool
    let hasDeletes: Bool
    var order: Int { (isPartial ? 1 : 0) + (hasDeletes ? 2 : 0) }
  }

  private var columns: [(definition: ColumnDefinition, id: Int64)] {
    Array(zip(manifest.table.definition.schema.columns, manifest.table.columnIDs))
  }

  /// What a file of an older version has in a column that it lacks, as text whatever the column's
  /// type: all of a map must be of one type, and the engine casts it.
  private var initialValues: [String] {
    manifest.table.initialDefaults.map { $0.map { SQLText.literal($0.catalogText) } ?? "NULL" }
  }

  private var columnList: String {
    columns.map { SQLText.identifier($0.definition.name) }.joined(separator: ", ")
  }

  /// `read_parquet` refuses an empty list of files.
  private var emptySelect: String {
    let nulls = columns.map {
      "NULL::\($0.definition.type.sqlName) AS \(SQLText.identifier($0.definition.name))"
    }
    return "SELECT \(nulls.joined(separator: ", ")) WHERE false"
  }

  private func select(_ files: [DataFileRecord], group: Group, deletes: String?) -> String {
    var conditions: [String] = []
    if group.isPartial {
      conditions.append("_dl_snapshot <= \(manifest.snapshot.rawValue)")
    }
    if let deletes {
      conditions.append(
        "((file_index::BIGINT << 40) | file_row_number) NOT IN (SELECT position FROM \(deletes))")
    }
    let paths = files.map { SQLText.literal(localPath($0.path)) }.joined(separator: ", ")
    let filter = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
    if isUniform && !group.isPartial {
      return "SELECT \(castColumnList) FROM read_parquet([\(paths)], hive_partitioning = false)"
        + filter
    }
    return "SELECT \(columnList) FROM read_parquet([\(paths)], "
      + "schema = MAP {\(fields(withSnapshot: group.isPartial))}, hive_partitioning = false)"
      + filter
  }

  /// Whether every file was written under the version that the snapshot has: they can then be read
  /// by name, which spares the engine more than a millisecond a query of mapping columns by field
  /// id. A file of an older version can have other columns of the same names. (A merged file begins
  /// with its oldest input, and all inputs are of one version.)
  private var isUniform: Bool {
    manifest.files.allSatisfy { $0.begin >= manifest.table.versionBegin }
  }

  /// In the declared types. A cast is left out where the file has the type already: it changes
  /// nothing, and the engine's parser takes a while for each.
  private var castColumnList: String {
    columns.map { column in
      let name = SQLText.identifier(column.definition.name)
      if case .scalar(let type) = column.definition.type, type.isKeptByParquet { return name }
      return "\(name)::\(column.definition.type.sqlName) AS \(name)"
    }.joined(separator: ", ")
  }

  private func fields(withSnapshot: Bool) -> String {
    var fields = zip(columns, initialValues).map { column, value in
      let name = SQLText.literal(column.definition.name)
      let type = SQLText.literal(column.definition.type.sqlName)
      return "\(column.id): {name: \(name), type: \(type), default_value: \(value)}"
    }
    if withSnapshot {
      fields.append(
        "\(Self.snapshotFieldID): {name: '_dl_snapshot', type: 'BIGINT', default_value: NULL}")
    }
    return fields.joined(separator: ", ")
  }

  private func deletesTable(_ group: Group) -> String {
    "_dl_deletes_\(manifest.table.id.rawValue)_\(group.order)"
  }

  /// The deleted positions of a group, packed with the file's place in the list: probing one number
  /// is three times faster than a join on path and position.
  private func deletesSetup(_ files: [DataFileRecord], table: String) -> [String] {
    let deletes = files.enumerated().compactMap { place, file in
      file.deletes.map { (place: place, file: $0) }
    }
    let whole = deletes.filter { $0.file.partialMaximum == nil }
    // Positions that carry the snapshot which deleted them: newer ones are not for this reader.
    let partial = deletes.filter { $0.file.partialMaximum != nil }
    let parts = [
      positions(whole, where: ""),
      positions(
        partial, where: " WHERE _ducklake_internal_snapshot_id <= \(manifest.snapshot.rawValue)"),
    ]
    return [
      "CREATE TEMP TABLE \(table) AS " + parts.compactMap { $0 }.joined(separator: " UNION ALL ")
    ]
  }

  /// One scan of all the delete files: a scan for each takes twice as long.
  private func positions(
    _ deletes: [(place: Int, file: DeleteFileRecord)], where filter: String
  ) -> String? {
    guard !deletes.isEmpty else { return nil }
    let places = deletes.map { String($0.place) }.joined(separator: ", ")
    let paths = deletes.map { SQLText.literal(localPath($0.file.path)) }.joined(separator: ", ")
    return "SELECT (([\(places)]::BIGINT[])[file_index::BIGINT + 1] << 40) | pos AS position "
      + "FROM read_parquet([\(paths)], hive_partitioning = false)\(filter)"
  }
}

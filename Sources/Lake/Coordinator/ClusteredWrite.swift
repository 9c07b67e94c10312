import Catalog
import DuckDB
import Glibc
import Model

/// Writes rows as the table's layout has them: a file for each partition, each in the table's
/// order.
///
/// One write makes a bounded number of files. When its rows are of more partitions than that, the
/// partitions with the most rows get files of their own; the rows of all others share one file that
/// is of no partition, which every reader reads whatever it looks for, unless the bounds of its
/// columns rule it out.
struct ClusteredWrite {
  /// Files of partitions of their own in one write.
  static let maxPartitions = 64

  private static let rowTable = "cluster_row"
  private static let groupTable = "cluster_group"

  let partitioning: Partitioning?
  /// The items of ORDER BY.
  let order: String?
  let connection: DuckDBConnection

  init(_ table: TableRecord, on connection: DuckDBConnection) {
    partitioning = Partitioning(table)
    order = table.definition.layout.orderSQL
    self.connection = connection
  }

  /// - Parameters:
  ///   - path: of the first file in staging; the others get paths that extend it.
  ///   - fields, columns: as `ParquetFile.write` has them.
  /// - Throws: `DuckDBError`; none of the files is there then, but perhaps a part of the one at
  ///   `path`.
  func write(
    query: String, fieldIDs fields: [FieldID], statisticsOf columns: Set<Int64>, to path: String
  ) throws(DuckDBError) -> [ParquetFile] {
    guard let partitioning else {
      return [
        try ParquetFile.write(
          query: ordered("SELECT * FROM (\(query))"), fieldIDs: fields, statisticsOf: columns,
          to: path, on: connection)
      ]
    }
    defer {
      for table in [Self.rowTable, Self.groupTable] {
        _ = try? connection.execute("DROP TABLE IF EXISTS \(table)")
      }
    }
    let groups = try group(query, partitioning)
    let list = fields.map { SQLText.identifier($0.name) }.joined(separator: ", ")
    var files: [ParquetFile] = []
    do {
      for (place, values) in groups {
        var file = try ParquetFile.write(
          query: ordered(
            "SELECT \(list) FROM \(Self.rowTable) WHERE _dl_place = \(place)",
            by: values == nil ? partitioning.fields.indices.map { "_dl_p\($0)" } : []),
          fieldIDs: fields, statisticsOf: columns,
          // Delete files of the same batch extend it by numbers from 0 on.
          to: files.isEmpty ? path : DataFileName.stagedPath(of: path, extendedBy: -place - 1),
          on: connection)
        file.partition = values.map {
          FilePartition(partitioning: partitioning.id, values: $0)
        }
        file.folder = values.map(partitioning.folder(of:)) ?? ""
        files.append(file)
      }
    } catch {
      for file in files { unlink(file.path) }
      throw error
    }
    return files
  }

  private func ordered(_ query: String, by first: [String] = []) -> String {
    let items = first + (order.map { [$0] } ?? [])
    return items.isEmpty ? query : "\(query) ORDER BY \(items.joined(separator: ", "))"
  }

  /// Puts the rows into `rowTable`, each with the place of its partition.
  ///
  /// - Returns: the places with the partitions' values; nil for the place of all that is left over.
  private func group(
    _ query: String, _ partitioning: Partitioning
  ) throws(DuckDBError) -> [(place: Int64, values: [String?]?)] {
    let names = partitioning.fields.indices.map { "_dl_p\($0)" }
    let values = zip(partitioning.fields, names).map { "\($0.expression) AS \($1)" }
    let list = names.joined(separator: ", ")
    // A catalog database holds no NUL in a text: rows of such a value have no partition.
    let storable = names.map { "coalesce(NOT contains(\($0), chr(0)), true)" }
      .joined(separator: " AND ")
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE \(Self.groupTable) AS
      SELECT *, \(values.joined(separator: ", ")) FROM (\(query))
      """)
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE \(Self.rowTable) AS
      WITH counted AS (SELECT \(list), count(*) AS n FROM \(Self.groupTable) GROUP BY ALL),
      placed AS (
        SELECT \(list), row_number() OVER (ORDER BY n DESC, \(list)) AS place FROM counted
        WHERE \(storable)),
      taken AS (SELECT * FROM placed WHERE place <= \(Self.maxPartitions))
      SELECT g.*, coalesce(taken.place, 0) AS _dl_place FROM \(Self.groupTable) g
      LEFT JOIN taken ON \(names.map { "g.\($0) IS NOT DISTINCT FROM taken.\($0)" }
        .joined(separator: " AND "))
      ORDER BY _dl_place
      """)
    try connection.execute("DROP TABLE \(Self.groupTable)")
    let found = try connection.query(
      "SELECT DISTINCT _dl_place, \(list) FROM \(Self.rowTable) WHERE _dl_place > 0 ORDER BY ALL",
      maximumRows: Self.maxPartitions)
    var groups: [(place: Int64, values: [String?]?)] = found.rows.compactMap { row in
      row[0].int64.map { (place: $0, values: row.dropFirst().map(\.string)) }
    }
    let rest = try connection.query(
      "SELECT count(*) FROM \(Self.rowTable) WHERE _dl_place = 0")
    if rest.rows.first?.first?.int64 ?? 0 > 0 { groups.append((place: 0, values: nil)) }
    return groups
  }
}

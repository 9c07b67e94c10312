import Catalog
import Coordinator
import DuckDB
import Model
import Testing

extension Mesh {
  /// What the rows of a live file say of their partition and of their order.
  struct LayoutOfFile: Sendable {
    let file: DataFileRecord
    /// The distinct partitions of its rows.
    let partitions: [[String?]]
    let isInOrder: Bool
  }

  /// Reads every live file of a table, and computes the partitions of its rows in a way of its own.
  ///
  /// - Parameter expressions: SQL for each partition value as text.
  func layouts(
    of table: TableRecord, _ expressions: [String]
  ) async throws -> [LayoutOfFile] {
    let files = try await catalog.liveFiles(of: table.id).map(\.file)
    let list = expressions.isEmpty ? "NULL::VARCHAR" : expressions.joined(separator: ", ")
    let order = table.definition.layout.orderSQL
    var layouts: [LayoutOfFile] = []
    for file in files {
      let source =
        "read_parquet(\(SQLText.literal(store.localPath(of: file.path)))"
        + ", hive_partitioning = false)"
      let (partitions, isInOrder) = try await engine.withConnection {
        (connection) throws(DuckDBError) in
        let found = try connection.query("SELECT DISTINCT \(list) FROM \(source)")
        guard let order else { return (found.rows.map { $0.map(\.string) }, true) }
        let columns = table.definition.layout.sortOrder
          .map { SQLText.identifier($0.column) }.joined(separator: ", ")
        let sorted = try connection.query(
          """
          SELECT coalesce(bool_and(have = want), true)::VARCHAR FROM (
            SELECT row_number() OVER (ORDER BY file_row_number) AS place, hash(\(columns)) AS have
            FROM \(source)) JOIN (
            SELECT row_number() OVER (ORDER BY \(order)) AS place, hash(\(columns)) AS want
            FROM \(source)) USING (place)
          """)
        return (found.rows.map { $0.map(\.string) }, sorted.rows[0][0].string == "true")
      }
      layouts.append(LayoutOfFile(file: file, partitions: partitions, isInOrder: isInOrder))
    }
    return layouts
  }

  /// Every live file's rows are of the one partition that the catalog says, and in order.
  func expectFilesInTheirPartitions(
    _ table: TableRecord, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let fields = table.definition.layout.partitioning
    // Functions of the engine that writes are known on its connections.
    let expressions = fields.map { field in
      let column = SQLText.identifier(field.column)
      let type = table.definition.schema.column(named: field.column)?.type
      return switch field.transform {
      case .identity: "\(column)::VARCHAR"
      case .bucket(let count):
        type == .varchar
          ? "(_duckmesh_hash_text(\(column)) % \(count))::VARCHAR"
          : "(_duckmesh_hash_integer(\(column)) % \(count))::VARCHAR"
      default: "date_part('\(field.transform.name)', \(column))::VARCHAR"
      }
    }
    for layout in try await layouts(of: table, expressions) {
      #expect(layout.isInOrder, "\(layout.file.path)", sourceLocation: sourceLocation)
      guard !fields.isEmpty else { continue }
      guard let partition = layout.file.partition else {
        #expect(layout.partitions.count > 1, "\(layout.file)", sourceLocation: sourceLocation)
        continue
      }
      #expect(
        layout.partitions == [partition.values] && partition.partitioning == table.partitioningID,
        "\(layout.file)", sourceLocation: sourceLocation)
    }
  }
}

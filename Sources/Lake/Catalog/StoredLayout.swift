import Model

/// A layout as the catalog keeps it beside a table: with the columns' ids, so that it follows their
/// names.
package struct StoredLayout: Sendable, Equatable {
  /// `2:identity,1:bucket(8)`
  package let partitioning: String
  /// `1:ASC:NULLS_LAST,2:DESC:NULLS_FIRST`
  package let sortOrder: String

  package init(partitioning: String, sortOrder: String) {
    self.partitioning = partitioning
    self.sortOrder = sortOrder
  }

  /// - Returns: nil when a field is of no column.
  package init?(_ layout: TableLayout, columnIDs: [String: Int64]) {
    let partition = layout.partitioning.compactMap { field in
      columnIDs[field.column].map { "\($0):\(field.transform.duckLakeName)" }
    }
    let sort = layout.sortOrder.compactMap { field in
      columnIDs[field.column].map { "\($0):\(field.direction):\(field.nullOrder)" }
    }
    guard partition.count == layout.partitioning.count, sort.count == layout.sortOrder.count else {
      return nil
    }
    self.init(
      partitioning: partition.joined(separator: ","), sortOrder: sort.joined(separator: ","))
  }

  /// The layout in the names that the columns have.
  ///
  /// - Returns: nil for a text that is not one of a layout, or names another column.
  package func layout(columnNames: [Int64: String]) -> TableLayout? {
    var partitioning: [PartitionField] = []
    for item in self.partitioning.split(separator: ",") {
      let parts = item.split(separator: ":").map(String.init)
      guard parts.count == 2, let name = Int64(parts[0]).flatMap({ columnNames[$0] }),
        let transform = PartitionTransform(duckLakeName: parts[1])
      else { return nil }
      partitioning.append(PartitionField(name, transform))
    }
    var sortOrder: [SortField] = []
    for item in self.sortOrder.split(separator: ",") {
      let parts = item.split(separator: ":").map(String.init)
      guard parts.count == 3, let name = Int64(parts[0]).flatMap({ columnNames[$0] }) else {
        return nil
      }
      sortOrder.append(
        SortField(
          name, isDescending: parts[1] == "DESC", putsNullsFirst: parts[2] == "NULLS_FIRST"))
    }
    return TableLayout(partitioning: partitioning, sortOrder: sortOrder)
  }
}

extension TableRecord {
  package var columnIDsByName: [String: Int64] {
    Dictionary(zip(definition.schema.columns.map(\.name), columnIDs)) { first, _ in first }
  }

  /// The field ids of the columns that partition it, in order.
  package var partitionColumnIDs: [Int64] {
    let ids = columnIDsByName
    return definition.layout.partitioning.compactMap { ids[$0.column] }
  }
}

/// One column that decides in which partition a row is.
package struct PartitionField: Hashable, Sendable {
  package let column: String
  package let transform: PartitionTransform

  package init(_ column: String, _ transform: PartitionTransform) {
    self.column = column
    self.transform = transform
  }
}

/// One column by which the rows of a file are ordered.
package struct SortField: Hashable, Sendable {
  package let column: String
  package let isDescending: Bool
  package let putsNullsFirst: Bool

  package init(_ column: String, isDescending: Bool = false, putsNullsFirst: Bool = false) {
    self.column = column
    self.isDescending = isDescending
    self.putsNullsFirst = putsNullsFirst
  }

  /// As an item of ORDER BY.
  package var sql: String {
    "\(SQLText.identifier(column)) \(direction) NULLS \(putsNullsFirst ? "FIRST" : "LAST")"
  }

  /// As `ducklake_sort_expression` has them.
  package var direction: String { isDescending ? "DESC" : "ASC" }
  package var nullOrder: String { putsNullsFirst ? "NULLS_FIRST" : "NULLS_LAST" }
}

/// How a table's rows lie in its files.
package struct TableLayout: Hashable, Sendable {
  package static let maxPartitionFields = 6
  package static let maxSortFields = 8
  package static let unordered = TableLayout()

  package let partitioning: [PartitionField]
  package let sortOrder: [SortField]

  package init(partitioning: [PartitionField] = [], sortOrder: [SortField] = []) {
    self.partitioning = partitioning
    self.sortOrder = sortOrder
  }

  package var isPartitioned: Bool { !partitioning.isEmpty }

  /// Whether rows stand in another order in the files than they came in.
  package var isClustered: Bool { isPartitioned || !sortOrder.isEmpty }

  /// The items of ORDER BY; none for a table without an order.
  package var orderSQL: String? {
    sortOrder.isEmpty ? nil : sortOrder.map(\.sql).joined(separator: ", ")
  }

  package func uses(column: String) -> Bool {
    partitioning.contains { $0.column == column } || sortOrder.contains { $0.column == column }
  }
}

/// Why a layout is refused.
package enum LayoutProblem: Error, Equatable, Sendable {
  case tooMany(limit: Int)
  case noSuchColumn(String)
  case standsTwice(String)
  case transform(PartitionTransform, ColumnType, column: String)
  case bucketCount
  case sortType(ColumnType, column: String)

  /// Fit for a client.
  package var explanation: String {
    switch self {
    case .tooMany(let limit): "at most \(limit) items"
    case .noSuchColumn(let name): "names of columns; there is no \"\(name)\""
    case .standsTwice(let name): "items that each stand once; \"\(name)\" stands twice"
    case .transform(let transform, let type, let name):
      "a transform that the column's type has; \"\(name)\" is \(type.sqlName), which"
        + " \(transform.name) does not take"
    case .bucketCount:
      "\"buckets\" from \(PartitionTransform.bucketCounts.lowerBound)"
        + " to \(PartitionTransform.bucketCounts.upperBound)"
    case .sortType(let type, let name):
      "columns that can be ordered; \"\(name)\" is \(type.sqlName)"
    }
  }
}

extension TableSchema {
  /// Whether rows of the schema can be partitioned so.
  package func check(partitioning fields: [PartitionField]) throws(LayoutProblem) {
    guard fields.count <= TableLayout.maxPartitionFields else {
      throw .tooMany(limit: TableLayout.maxPartitionFields)
    }
    var seen: Set<PartitionField> = []
    for field in fields {
      guard let column = column(named: field.column) else { throw .noSuchColumn(field.column) }
      guard seen.insert(field).inserted else { throw .standsTwice(field.column) }
      if case .bucket(let count) = field.transform,
        !PartitionTransform.bucketCounts.contains(count)
      {
        throw .bucketCount
      }
      guard field.transform.applies(to: column.type) else {
        throw .transform(field.transform, column.type, column: field.column)
      }
    }
  }

  /// Whether rows of the schema can be ordered so.
  package func check(sortOrder fields: [SortField]) throws(LayoutProblem) {
    guard fields.count <= TableLayout.maxSortFields else {
      throw .tooMany(limit: TableLayout.maxSortFields)
    }
    var seen: Set<String> = []
    for field in fields {
      guard let column = column(named: field.column) else { throw .noSuchColumn(field.column) }
      guard seen.insert(field.column).inserted else { throw .standsTwice(field.column) }
      guard case .scalar(let scalar) = column.type, scalar != .json else {
        throw .sortType(column.type, column: field.column)
      }
    }
  }
}

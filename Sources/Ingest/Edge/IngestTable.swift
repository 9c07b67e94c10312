import Model

/// A table as the edge needs it: made once per schema version, shared by all requests.
// Sendable: everything is written in init and only read from then on.
package final class IngestTable: @unchecked Sendable {
  package let tenant: TenantID
  package let table: TableID
  package let schema: TableSchema
  package let eventTimeColumn: String?

  let columns: UnsafeBufferPointer<Column>
  /// Index of the column that a record's `event_time` fills.
  let eventTimeIndex: Int?
  /// Whether `upsert` and `delete` have a meaning here.
  package let isKeyed: Bool
  /// Bit i of word i / 64 is set if column i must stand in the payload of every row.
  private let requiredColumns: UnsafeBufferPointer<UInt64>
  /// The same for the payload of a delete, which needs no more than the key.
  private let requiredKeyColumns: UnsafeBufferPointer<UInt64>
  /// Of the columns.
  let names: NameIndex
  /// The types of nested columns, where `Column.Kind` points.
  let shapes: [ValueShape]

  struct Column {
    /// Scalars are at hand without a reference that would have to be counted.
    enum Kind {
      case scalar(ScalarType)
      case nested(Int)
    }

    let type: Kind
    let isNullable: Bool
  }

  /// - Parameters:
  ///   - primaryKey: names of columns of `schema.withPrimaryKey`; none for a table without a key.
  ///   - eventTimeColumn: a column for which `TableSchema.checkEventTimeColumn` holds.
  package init(
    tenant: TenantID, table: TableID, schema: TableSchema, primaryKey: [String] = [],
    eventTimeColumn: String? = nil
  ) {
    self.tenant = tenant
    self.table = table
    self.schema = schema
    self.eventTimeColumn = eventTimeColumn
    eventTimeIndex = eventTimeColumn.flatMap { name in
      schema.columns.firstIndex { $0.name == name }
    }
    precondition(
      eventTimeColumn == nil || eventTimeIndex != nil, "the event time column is no column")

    names = NameIndex(schema.columns.map(\.name))
    var columns: [Column] = []
    var shapes: [ValueShape] = []
    var required = [UInt64](repeating: 0, count: (schema.columns.count + 63) / 64)
    var requiredKey = required
    let key = Set(primaryKey)
    precondition(
      key.allSatisfy { schema.column(named: $0)?.isNullable == false }, "a key has no null")
    isKeyed = !key.isEmpty
    for (index, column) in schema.columns.enumerated() {
      let kind: Column.Kind
      if case .scalar(let type) = column.type {
        kind = .scalar(type)
      } else {
        kind = .nested(shapes.count)
        shapes.append(ValueShape(column.type))
      }
      columns.append(Column(type: kind, isNullable: column.isNullable))
      if !column.isNullable, column.defaultValue == nil {
        required[index / 64] |= 1 << UInt64(index % 64)
        if key.contains(column.name) { requiredKey[index / 64] |= 1 << UInt64(index % 64) }
      }
    }
    self.columns = NameIndex.keep(columns)
    self.shapes = shapes
    requiredColumns = NameIndex.keep(required)
    requiredKeyColumns = NameIndex.keep(requiredKey)
  }

  deinit {
    columns.deallocate()
    names.deallocate()
    requiredColumns.deallocate()
    requiredKeyColumns.deallocate()
  }

  /// The columns that must stand in the payload of a record, as bits.
  @inline(__always)
  func requiredColumns(of operation: IngestOperation) -> UnsafeBufferPointer<UInt64> {
    operation == .delete ? requiredKeyColumns : requiredColumns
  }
}

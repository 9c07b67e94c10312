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
  private let names: UnsafeBufferPointer<UInt8>
  /// Open addressing; a free slot is -1.
  private let slots: UnsafeBufferPointer<Int32>

  struct Column {
    let nameOffset: Int
    let nameLength: Int
    let type: ColumnType
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

    var names: [UInt8] = []
    var columns: [Column] = []
    var required = [UInt64](repeating: 0, count: (schema.columns.count + 63) / 64)
    var requiredKey = required
    let key = Set(primaryKey)
    precondition(
      key.allSatisfy { schema.column(named: $0)?.isNullable == false }, "a key has no null")
    isKeyed = !key.isEmpty
    for (index, column) in schema.columns.enumerated() {
      let name = Array(column.name.utf8)
      columns.append(
        Column(
          nameOffset: names.count, nameLength: name.count, type: column.type,
          isNullable: column.isNullable))
      names.append(contentsOf: name)
      if !column.isNullable, column.defaultValue == nil {
        required[index / 64] |= 1 << UInt64(index % 64)
        if key.contains(column.name) { requiredKey[index / 64] |= 1 << UInt64(index % 64) }
      }
    }
    self.columns = Self.keep(columns)
    self.names = Self.keep(names)
    requiredColumns = Self.keep(required)
    requiredKeyColumns = Self.keep(requiredKey)
    slots = Self.keep(Self.slots(for: schema.columns.map { Array($0.name.utf8) }))
  }

  deinit {
    columns.deallocate()
    names.deallocate()
    requiredColumns.deallocate()
    requiredKeyColumns.deallocate()
    slots.deallocate()
  }

  private static func keep<T: BitwiseCopyable>(_ elements: [T]) -> UnsafeBufferPointer<T> {
    let copy = UnsafeMutableBufferPointer<T>.allocate(capacity: elements.count)
    _ = copy.initialize(from: elements)
    return UnsafeBufferPointer(copy)
  }

  private static func slots(for names: [[UInt8]]) -> [Int32] {
    var size = 8
    while size < names.count * 4 { size *= 2 }
    var slots = [Int32](repeating: -1, count: size)
    for (index, name) in names.enumerated() {
      var slot = name.withUnsafeBytes { hash($0) } & (size - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(index)
    }
    return slots
  }

  // FNV-1a. Column names are chosen by the table's owner, so nobody else can make them collide.
  private static func hash(_ name: UnsafeRawBufferPointer) -> Int {
    var hash: UInt32 = 2_166_136_261
    for byte in name { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return Int(hash ^ hash >> 15)
  }

  /// The columns that must stand in the payload of a record, as bits.
  @inline(__always)
  func requiredColumns(of operation: IngestOperation) -> UnsafeBufferPointer<UInt64> {
    operation == .delete ? requiredKeyColumns : requiredColumns
  }

  /// The column of exactly this name, guessing that members come in the columns' order.
  @inline(__always)
  func column(named name: UnsafeRawBufferPointer, guess: Int) -> Int? {
    if guess < columns.count, isName(name, of: guess) { return guess }
    return column(named: name)
  }

  private func column(named name: UnsafeRawBufferPointer) -> Int? {
    guard name.count <= Names.maxLength else { return nil }
    let mask = slots.count - 1
    var slot = Self.hash(name) & mask
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if isName(name, of: index) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  @inline(__always)
  private func isName(_ name: UnsafeRawBufferPointer, of index: Int) -> Bool {
    let column = columns[index]
    guard name.count == column.nameLength else { return false }
    var position = 0
    while position < name.count {
      if name[position] != names[column.nameOffset + position] { return false }
      position += 1
    }
    return true
  }
}

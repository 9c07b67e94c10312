import LakeTables
import Model
import PostgreSQL

/// What is inside new columns, as parameters of the functions that write them.
struct InnerColumnValues {
  private var owners: [Int64] = []
  private var offsets: [Int64] = []
  private var parentOffsets: [Int64] = []
  private var orders: [Int64] = []
  private var names: [String] = []
  private var types: [String] = []

  /// - Parameter columns: those that are new, each with its place from 1 among all of the call.
  init(_ columns: [(place: Int, type: ColumnType)]) {
    for (place, type) in columns {
      for row in type.innerRows(below: 0) {
        owners.append(Int64(place))
        offsets.append(row.id)
        parentOffsets.append(row.parent)
        orders.append(row.order)
        names.append(row.name)
        types.append(row.typeName)
      }
    }
  }

  /// In the order of `parameters`.
  var values: [PostgreSQLValue] {
    [
      .int64s(owners), .int64s(offsets), .int64s(parentOffsets), .int64s(orders), .texts(names),
      .texts(types),
    ]
  }

  /// `owners` are places in the function's array `column_ids`; offsets are from the owner's id.
  static let parameters = """
    inner_owners BIGINT[], inner_offsets BIGINT[], inner_parents BIGINT[], inner_orders BIGINT[],
      inner_names TEXT[], inner_types TEXT[]
    """

  /// Inserts the rows.
  ///
  /// - Parameter table: SQL for the table's id.
  static func insertion(table: String) -> String {
    """
    INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
        column_type, default_value, nulls_allowed, parent_column, default_value_type,
        default_value_dialect)
      SELECT column_ids[made.owner] + made.from_owner, opening.opened, \(table), made.place,
        made.name, made.type, 'NULL', TRUE, column_ids[made.owner] + made.parent,
        \(defaultType("made.type")), 'duckdb'
      FROM unnest(inner_owners, inner_offsets, inner_parents, inner_orders, inner_names,
        inner_types) AS made(owner, from_owner, parent, place, name, type);
    """
  }

  /// What DuckLake says of the default of a column of a type: nothing where there can be none.
  static func defaultType(_ type: String) -> String {
    "CASE WHEN \(type) IN ('list', 'struct', 'map') THEN NULL ELSE 'literal' END"
  }
}

import DuckDB
import Model
import SimdJSON

/// Compares what DuckDB read with what the oracle says.
enum SameValue {
  static func holds(_ row: [DuckDBValue], _ wanted: [DuckDBValue], _ types: [ColumnType]) -> Bool {
    row.count == wanted.count && row.count == types.count
      && row.indices.allSatisfy { index in
        // A JSON column holds the very text, which the oracle knows only where it is a whole value.
        types[index] == .json
          ? bytes(row[index]) == bytes(wanted[index])
          : holds(row[index], wanted[index], types[index])
      }
  }

  private static func bytes(_ value: DuckDBValue) -> [UInt8]? {
    value.string.map { Array($0.utf8) }
  }

  /// Equal by value, and floating-point numbers by their bits (−0.0 is not 0.0).
  private static func holds(
    _ value: DuckDBValue, _ wanted: DuckDBValue, _ type: ColumnType
  ) -> Bool {
    if value == .null || wanted == .null { return value == wanted }
    switch (value, wanted, type) {
    case (.double(let left), .double(let right), _): return left.bitPattern == right.bitPattern
    case (.float(let left), .float(let right), _): return left.bitPattern == right.bitPattern
    case (.string(let left), .string(let right), .json):
      let texts = [left, right].map { try? JSONValue(parsing: Array($0.utf8)) }
      return texts[0] != nil && texts[0] == texts[1]
    case (.string(let left), .string(let right), _): return left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right), .list(let element)):
      return left.count == right.count && zip(left, right).allSatisfy { holds($0, $1, element) }
    case (.struct(let left), .struct(let right), .structure(let fields)):
      guard left.map(\.name) == fields.map(\.name), left.map(\.name) == right.map(\.name) else {
        return false
      }
      return fields.indices.allSatisfy {
        holds(left[$0].value, right[$0].value, fields[$0].type)
      }
    case (.map(let left), .map(let right), .map(let key, let element)):
      return left.count == right.count
        && zip(left, right).allSatisfy {
          holds($0.key, $1.key, .scalar(key)) && holds($0.value, $1.value, element)
        }
    case (_, _, .scalar): return value == wanted
    default: return false
    }
  }
}

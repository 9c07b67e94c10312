import CPostgreSQL

/// The rows that a statement gave, in the server's binary form and read in place.
///
/// Rows and columns count from 0. Reading a column as another type than the statement gives is a
/// mistake of the program and stops it; NULL reads as zero or empty where the answer is not
/// optional, as the SQLite wrapper does.
package struct PostgreSQLRows: Sendable {
  private let result: ResultHandle

  init(_ result: ResultHandle) {
    self.result = result
  }

  package var count: Int { Int(PQntuples(result.pointer)) }

  package var columnCount: Int { Int(PQnfields(result.pointer)) }

  /// Rows that the statement inserted, changed, deleted or selected.
  package var affected: Int {
    guard let text = PQcmdTuples(result.pointer) else { return 0 }
    return Int(String(cString: text)) ?? 0
  }

  /// Whether the statement's own word for what it did begins with this, such as `ROLLBACK`.
  func hasTag(_ tag: String) -> Bool {
    guard let text = PQcmdStatus(result.pointer) else { return false }
    return String(cString: text).hasPrefix(tag)
  }

  package func isNull(_ row: Int, _ column: Int) -> Bool {
    PQgetisnull(result.pointer, Int32(row), Int32(column)) == 1
  }

  /// The bytes of a cell that is not NULL.
  func withCell<Value>(
    _ row: Int, _ column: Int, _ types: [UInt32],
    _ body: (UnsafeRawBufferPointer, _ type: UInt32) -> Value
  ) -> Value? {
    precondition(row >= 0 && row < count && column >= 0 && column < columnCount)
    let type = PQftype(result.pointer, Int32(column))
    precondition(types.contains(type), "column \(column) has the type \(type), not \(types)")
    guard !isNull(row, column) else { return nil }
    let length = Int(PQgetlength(result.pointer, Int32(row), Int32(column)))
    let start = UnsafeRawPointer(PQgetvalue(result.pointer, Int32(row), Int32(column)))
    return body(UnsafeRawBufferPointer(start: start, count: length), type)
  }
}

/// Owns one libpq result.
final class ResultHandle: @unchecked Sendable {  // the result never changes once it is complete
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit { PQclear(pointer) }
}

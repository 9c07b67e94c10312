import DuckDB
import Foundation
import Model
import Testing

struct ParquetTypeTests {
  /// A type that is said to be kept and is not would reach readers as another one.
  @Test func theTypesThatAreSaidToBeKeptAreReadAsTheyWereWritten() throws {
    let file = NSTemporaryDirectory() + "/parquet-types-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    let types = LiteralGenerator.allTypes.compactMap { type -> ScalarType? in
      if case .scalar(let scalar) = type { scalar } else { nil }
    }
    let decimals = [(4, 1), (9, 2), (18, 18), (38, 10)].map {
      ScalarType.decimal(precision: $0.0, scale: $0.1)
    }
    #expect(types.count == LiteralGenerator.allTypes.count)
    let connection = try DuckDBInstance().connect()
    let kept = (types + decimals).filter(\.isKeptByParquet)
    #expect(kept.count == types.count + decimals.count - 3)
    for type in kept {
      try connection.execute(
        "COPY (SELECT NULL::\(type.sqlName) AS x) TO '\(file)' (FORMAT parquet)")
      let described = try connection.query(
        "SELECT column_type = '\(type.sqlName)' FROM (DESCRIBE FROM read_parquet('\(file)'))")
      let isKept = described.rows.first?.first
      #expect(isKept == .bool(true), "\(type.sqlName)")
    }
  }
}

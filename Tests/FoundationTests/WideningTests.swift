import Model
import Testing

@Suite struct WideningTests {
  private static let widenings = [
    "TINYINT": [
      "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(3,0)", "DECIMAL(5,2)",
    ],
    "SMALLINT": ["INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(5,0)", "DECIMAL(38,2)"],
    "INTEGER": ["BIGINT", "DOUBLE", "DECIMAL(10,0)", "DECIMAL(12,2)"],
    "BIGINT": ["DECIMAL(19,0)", "DECIMAL(38,19)"],
    "UTINYINT": ["USMALLINT", "UINTEGER", "UBIGINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT"],
    "USMALLINT": ["UINTEGER", "UBIGINT", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL(5,0)"],
    "UINTEGER": ["UBIGINT", "BIGINT", "DOUBLE", "DECIMAL(10,0)"],
    "UBIGINT": ["DECIMAL(20,0)", "DECIMAL(38,18)"],
    "DECIMAL(4,1)": ["DECIMAL(5,1)", "DECIMAL(5,2)", "DECIMAL(38,35)"],
    "DATE": ["TIMESTAMP"],
  ]

  private static let refused = [
    "TINYINT": [
      "TINYINT", "UTINYINT", "UBIGINT", "DECIMAL(2,0)", "DECIMAL(4,2)", "TEXT", "BOOLEAN",
    ],
    "SMALLINT": ["TINYINT", "USMALLINT", "DECIMAL(4,0)"],
    "INTEGER": ["SMALLINT", "FLOAT", "UBIGINT", "DECIMAL(9,0)", "TEXT"],
    "BIGINT": ["INTEGER", "DOUBLE", "UBIGINT", "DECIMAL(18,0)", "TEXT"],
    "USMALLINT": ["SMALLINT", "DECIMAL(4,0)"], "UINTEGER": ["INTEGER", "FLOAT"],
    "UBIGINT": ["BIGINT", "DOUBLE", "DECIMAL(19,0)"],
    "FLOAT": ["DOUBLE"], "DOUBLE": ["FLOAT", "DECIMAL(38,10)"],
    "DECIMAL(4,1)": ["DECIMAL(4,1)", "DECIMAL(4,2)", "DECIMAL(4,0)", "DOUBLE", "BIGINT"],
    "DATE": ["TIMESTAMPTZ", "TEXT"], "TIMESTAMP": ["TIMESTAMPTZ", "DATE"],
    "TIMESTAMPTZ": ["TIMESTAMP"], "TEXT": ["JSON", "BLOB"], "JSON": ["TEXT"], "UUID": ["TEXT"],
    "BOOLEAN": ["TINYINT"], "TIME": ["TIMESTAMP"], "BLOB": ["TEXT"],
  ]

  @Test func typesWidenToTypesThatHoldAllTheirValues() throws {
    for (type, wider) in Self.widenings {
      for spelling in wider {
        #expect(
          try ColumnType(sql: type).widens(to: try ColumnType(sql: spelling)),
          "\(type) to \(spelling)")
      }
    }
  }

  @Test func nothingElseIsAWidening() throws {
    for (type, others) in Self.refused {
      for spelling in others {
        #expect(
          try !ColumnType(sql: type).widens(to: try ColumnType(sql: spelling)),
          "\(type) to \(spelling)")
      }
    }
  }
}

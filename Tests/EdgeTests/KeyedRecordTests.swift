import Edge
import Model
import Testing

/// What the edge asks of records of a keyed table.
@Suite struct KeyedRecordTests {
  private static func table() throws -> IngestTable {
    let key = ["shop", "id"]
    let schema = try TableSchema(columns: [
      ColumnDefinition(name: "id", type: .bigint),
      ColumnDefinition(name: "note", type: .varchar, isNullable: false),
      ColumnDefinition(
        name: "shop", type: .varchar, defaultValue: ColumnDefault(catalogText: "main")),
    ]).withPrimaryKey(key)
    return IngestTable(
      tenant: TenantID(1), table: TableID(1), schema: schema, primaryKey: key)
  }

  /// The columns that are refused.
  private func violations(_ operation: String, _ payload: String) throws -> [String] {
    let record = #"{"idempotency_key":"k","op":"\#(operation)","payload":\#(payload)}"#
    let request = try EdgeFixture.parse(#"{"records":[\#(record)]}"#, for: try Self.table())
    #expect(request.records.first?.isValid == request.violations.isEmpty)
    return request.violations.map(\.column)
  }

  @Test(arguments: ["insert", "upsert"]) func aRowNeedsItsKeyAndAllElse(
    operation: String
  ) throws {
    #expect(try violations(operation, #"{"id":1,"note":"n"}"#).isEmpty)
    #expect(try violations(operation, #"{"note":"n"}"#) == ["id"])
    #expect(try violations(operation, #"{"id":1}"#) == ["note"])
    #expect(try violations(operation, #"{"id":null,"note":"n","shop":null}"#) == ["id", "shop"])
  }

  @Test func aDeleteNeedsItsKeyOnlyAndWhatElseItHasMustFit() throws {
    #expect(try violations("delete", #"{"id":1}"#).isEmpty)
    #expect(try violations("delete", #"{"id":1,"note":"n","shop":"s"}"#).isEmpty)
    #expect(try violations("delete", #"{"shop":"s"}"#) == ["id"])
    #expect(try violations("delete", #"{"id":1,"shop":null}"#) == ["shop"])
    #expect(try violations("delete", #"{"id":1,"note":5}"#) == ["note"])
    #expect(try violations("delete", #"{"id":1,"not":"n"}"#) == ["not"])
  }

  @Test func operationsAreContent() throws {
    let table = try Self.table()
    let hashes = try ["insert", "upsert", "delete"].map { operation in
      let record =
        #"{"idempotency_key":"k","op":"\#(operation)","payload":{"id":1,"note":"n"}}"#
      return try EdgeFixture.parse(#"{"records":[\#(record)]}"#, for: table).records[0].contentHash
    }
    #expect(Set(hashes).count == 3)
  }

  @Test func aTableWithoutAKeyTakesInsertsOnly() throws {
    let table = try EdgeFixture.table(.bigint)
    for operation in ["upsert", "delete"] {
      let record = #"{"idempotency_key":"k","op":"\#(operation)","payload":{"x":1}}"#
      #expect(throws: EdgeError.primaryKeyRequired(recordIndex: 0)) {
        try EdgeFixture.parse(#"{"records":[\#(record)]}"#, for: table)
      }
    }
  }

  @Test func onlyColumnsOfCertainTypesMakeAKey() throws {
    let types: [ColumnType] = [
      .bigint, .varchar, .uuid, .decimal(precision: 9, scale: 2), .float, .double, .json, .blob,
    ]
    let schema = try TableSchema(
      columns: types.enumerated().map { ColumnDefinition(name: "c\($0)", type: $1) })
    #expect(
      try schema.withPrimaryKey(["c3", "c0"]).columns.map(\.isNullable).prefix(4)
        == [false, true, true, false])
    #expect(try schema.withPrimaryKey([]) == schema)
    for (place, type) in types.enumerated().dropFirst(4) {
      #expect(throws: SchemaError.primaryKey(.type(type, of: "c\(place)"))) {
        try schema.withPrimaryKey(["c\(place)"])
      }
    }
    #expect(throws: SchemaError.primaryKey(.standsTwice("c0"))) {
      try schema.withPrimaryKey(["c0", "c0"])
    }
    #expect(throws: SchemaError.primaryKey(.noSuchColumn("C0"))) {
      try schema.withPrimaryKey(["C0"])
    }
    #expect(throws: SchemaError.primaryKey(.tooManyColumns)) {
      try schema.withPrimaryKey((0..<17).map { "c\($0)" })
    }
  }
}

import PostgreSQL
import TestSupport
import Testing

@Suite("PostgreSQL values")
struct PostgreSQLValueTests {
  private func echo(
    _ bench: Bench, _ type: String, _ value: PostgreSQLValue
  ) async throws -> PostgreSQLRows {
    // The server's own text form of what it understood stands beside the value.
    try await bench.pool.call("SELECT $1::\(type), $1::\(type)::text", [value])
  }

  @Test("Single values come back as they were sent, and mean the same to the server")
  func singles() async throws {
    try await Bench.with { bench in
      for value in [Int64.min, -1, 0, 1, .max] {
        let rows = try await echo(bench, "bigint", .int64(value))
        #expect(rows.int64(0, 0) == value && rows.text(0, 1) == "\(value)")
      }
      for value in [Int32.min, 0, .max] {
        let rows = try await echo(bench, "integer", .int32(value))
        #expect(rows.int64(0, 0) == Int64(value) && rows.text(0, 1) == "\(value)")
      }
      for value in [Int16.min, 0, .max] {
        let rows = try await echo(bench, "smallint", .int16(value))
        #expect(rows.int64(0, 0) == Int64(value) && rows.text(0, 1) == "\(value)")
      }
      for value in [0.1, -0.0, .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude] {
        let rows = try await echo(bench, "double precision", .double(value))
        #expect(rows.double(0, 0).bitPattern == value.bitPattern)
      }
      for value in [true, false] {
        let rows = try await echo(bench, "boolean", .bool(value))
        #expect(rows.bool(0, 0) == value && rows.text(0, 1) == "\(value)")
      }
      for value in ["", "a", "é 漢字 🦆\u{1}", String(repeating: "long ", count: 100_000)] {
        let rows = try await echo(bench, "text", .text(value))
        #expect(rows.text(0, 0) == value && rows.text(0, 1) == value)
      }
      for value in [[], [0], [0, 255, 0, 92], [UInt8](repeating: 0, count: 2 << 20)] {
        let rows = try await bench.pool.call(
          "SELECT $1::bytea, length($1::bytea)", [.bytes(value)])
        #expect(rows.bytes(0, 0) == value && rows.int64(0, 1) == Int64(value.count))
        #expect(rows.withBytes(0, 0) { $0.count } == value.count)
      }
      let uuid = [UInt8](0..<16)
      let rows = try await echo(bench, "uuid", .uuid(uuid))
      #expect(rows.uuid(0, 0) == uuid)
      #expect(rows.text(0, 1) == "00010203-0405-0607-0809-0a0b0c0d0e0f")
    }
  }

  @Test("NULL fits any type, and is told apart from zero and empty")
  func nulls() async throws {
    try await Bench.with { bench in
      for type in ["bigint", "text", "bytea", "uuid", "boolean", "double precision"] {
        let rows = try await echo(bench, type, .null)
        #expect(rows.isNull(0, 0) && rows.isNull(0, 1) && rows.optionalText(0, 1) == nil)
      }
      let rows = try await bench.pool.call("SELECT NULL::bigint, NULL::bytea, NULL::bigint[]")
      #expect(rows.optionalInt64(0, 0) == nil && rows.int64(0, 0) == 0)
      #expect(rows.optionalBytes(0, 1) == nil && rows.bytes(0, 1).isEmpty)
      #expect(rows.int64s(0, 2).isEmpty)
      // The same text with a value after a NULL, and the other way round.
      for value in [PostgreSQLValue.null, .int64(5), .null, .int32(6), .int64(7)] {
        let rows = try await bench.pool.call("SELECT $1::bigint IS NULL", [value])
        #expect(rows.bool(0, 0) == (value == .null))
      }
    }
  }

  @Test("Arrays come back, with none, one and very many elements")
  func arrays() async throws {
    try await Bench.with { bench in
      for count in [0, 1, 10_000] {
        let numbers = (0..<count).map { Int64($0) * 1_000_000_007 }
        #expect(try await echo(bench, "bigint[]", .int64s(numbers)).int64s(0, 0) == numbers)
        let small = numbers.map { Int32(truncatingIfNeeded: $0) }
        #expect(try await echo(bench, "integer[]", .int32s(small)).int32s(0, 0) == small)
        let flags = numbers.map { $0.isMultiple(of: 3) }
        #expect(try await echo(bench, "boolean[]", .bools(flags)).bools(0, 0) == flags)
        let texts = numbers.map { "\($0),\"{}\\ NULL" }
        #expect(try await echo(bench, "text[]", .texts(texts)).texts(0, 0) == texts)
        let strings = numbers.map { [UInt8]("\0\($0)".utf8) }
        #expect(
          try await echo(bench, "bytea[]", .byteStrings(strings)).byteStrings(0, 0) == strings)
        let uuids = [UInt8]((0..<count * 16).map { UInt8(truncatingIfNeeded: $0 * 31) })
        #expect(try await echo(bench, "uuid[]", .uuids(uuids)).uuids(0, 0) == uuids)
        let optional = numbers.map { $0.isMultiple(of: 2) ? nil : $0 }
        #expect(
          try await echo(bench, "bigint[]", .optionalInt64s(optional)).optionalInt64s(0, 0)
            == optional)
        let optionalTexts = texts.map { $0.count.isMultiple(of: 2) ? nil : $0 }
        #expect(
          try await echo(bench, "text[]", .optionalTexts(optionalTexts)).optionalTexts(0, 0)
            == optionalTexts)
      }
      let written = try await bench.pool.call("SELECT $1::bigint[]::text", [.int64s([1, -2])])
      #expect(written.text(0, 0) == "{1,-2}")
      let nested = try await bench.pool.call("SELECT ARRAY[[1,2],[3,4]]::bigint[]")
      #expect(nested.int64s(0, 0) == [1, 2, 3, 4])
    }
  }

  @Test("What a message cannot hold is refused, and nothing is sent")
  func oversize() async throws {
    try await Bench.with { bench in
      let many = [PostgreSQLValue](repeating: .bool(true), count: 70_000)
      let kind = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call("SELECT 1", many)
      }
      #expect(kind == "54000")
      let zero = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call("SELECT $1::text", [.text("a\0b")])
      }
      #expect(zero == "22021")
      _ = try await bench.pool.call("SELECT 1")
    }
  }
}

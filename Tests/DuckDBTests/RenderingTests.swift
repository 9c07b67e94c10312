import DuckDB
import Foundation
import Rendering
import Testing

struct RenderingTests {
  let connection: DuckDBConnection

  init() throws {
    connection = try DuckDBInstance().connect()
  }

  @Test func `doubles and floats read back bit for bit`() throws {
    var generator = SystemRandomNumberGenerator()
    var doubles = [
      0.0, -0.0, .leastNonzeroMagnitude, .leastNormalMagnitude, 0.1, 1e15, 1e16, 1e21,
      123456789.125,
    ]
    var floats: [Float] = [0, -0.0, .leastNonzeroMagnitude, 0.1, 1e15, 16_777_216]
    while doubles.count < 4_000 {
      let double = Double(bitPattern: generator.next())
      if double.isFinite { doubles.append(double) }
      let float = Float(bitPattern: generator.next())
      if float.isFinite { floats.append(float) }
    }
    let table = try roundTrip(doubles, .double) + roundTrip(floats, .float)
    let read = try #require(
      JSONSerialization.jsonObject(with: Data("[\(table.joined(separator: ","))]".utf8))
        as? [NSNumber])
    #expect(read.count == doubles.count + floats.count)
    for (index, double) in doubles.enumerated() {
      #expect(Double(table[index])?.bitPattern == double.bitPattern)
    }
    for (index, float) in floats.enumerated() {
      #expect(Float(table[doubles.count + index])?.bitPattern == float.bitPattern)
    }
  }

  /// Puts numbers into a table as they are, and returns their JSON texts.
  private func roundTrip<Number: BitwiseCopyable>(
    _ numbers: [Number], _ type: DuckDBType
  ) throws -> [String] {
    try connection.execute("CREATE OR REPLACE TABLE numbers (n \(type))")
    let appender = try DuckDBAppender(connection, table: "numbers")
    let chunk = try DuckDBChunkBuilder([type])
    var rest = numbers[...]
    while !rest.isEmpty {
      let part = rest.prefix(DuckDBChunkBuilder.capacity)
      chunk.reset()
      chunk.withElements(ofColumn: 0, as: Number.self) { elements in
        for (index, number) in part.enumerated() { elements[index] = number }
      }
      chunk.rowCount = part.count
      try appender.append(chunk)
      rest = rest.dropFirst(part.count)
    }
    try appender.finish()
    let text = try render("FROM numbers", as: .json, on: connection)
    return text.split(separator: ",").map { String($0.dropFirst().dropLast()) }
  }

  @Test func `any string survives JSON, NDJSON and CSV`() throws {
    var generator = SystemRandomNumberGenerator()
    var strings = [
      "", " ", "\"", "\\", "a,b", "line\r\nbreak", "\0", "\u{7F}", "𝄞𐍈👩‍👩‍👧", "null", "NULL",
      "\u{FEFF}", "\u{FEFF}mark", "mark\u{FEFF}",
    ]
    for length in 0..<600 {
      strings.append(String((0..<length % 40).map { _ in Self.randomCharacter(&generator) }))
    }
    strings.append(String(repeating: "\u{1}é\"", count: 40_000))
    try connection.execute("CREATE TABLE strings (position BIGINT, text VARCHAR)")
    let appender = try DuckDBAppender(connection, table: "strings")
    for (position, text) in strings.enumerated() {
      try appender.append(Int64(position))
      try appender.append(text)
      try appender.endRow()
    }
    try appender.finish()
    let sql = "SELECT text FROM strings ORDER BY position"
    // JSONSerialization takes a byte order mark off the front of a string; JSONDecoder does not.
    let decoder = JSONDecoder()
    let array = try render(sql, as: .json, on: connection)
    let rows = try decoder.decode([[String]].self, from: Data("[\(array)]".utf8))
    #expect(rows.map { $0[0] } == strings)

    let lines = try render(sql, as: .ndjson, on: connection).utf8.split(separator: 0x0A)
    let objects = try lines.map { try decoder.decode([String: String].self, from: Data($0)) }
    #expect(objects.map { $0["text"] } == strings)

    let parsed = CSVParser.parse(try render(sql, as: .csv, on: connection))
    #expect(parsed.dropFirst().map { $0[0] } == strings.map { .some($0) })
  }

  private static func randomCharacter(
    _ generator: inout SystemRandomNumberGenerator
  ) -> Character {
    let ranges: [ClosedRange<UInt32>] = [
      0x00...0x1F, 0x20...0x7F, 0x20...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF,
      0x10000...0x10FFFF,
    ]
    let range = ranges.randomElement(using: &generator)!
    return Character(Unicode.Scalar(UInt32.random(in: range, using: &generator))!)
  }

  @Test func `nested values agree with to_json whatever vectors DuckDB makes`() throws {
    try connection.execute(
      """
      CREATE TABLE t AS SELECT i, 'k' || i % 5 AS k, {'a': i, 'b': 'x' || i} AS s,
        [j FOR j IN range(i % 4)] AS l FROM range(5000) r(i)
      """)
    for expression in [
      "[{'a': 5, 'b': i}, NULL]", "[s, s]", "{'l': l, 'c': [1, NULL, 3]}", "MAP {k: l}",
      "[k, NULL, 'c']", "CASE WHEN i % 3 = 0 THEN NULL ELSE [l, NULL, []] END",
      "array_value(s, NULL, s)", "list_filter(l, lambda x: x > 1)", "{'n': NULL, 'm': [[]]}",
      "[{'a': NULL, 'b': [{'c': k}]}]", "union_value(num := i)", "MAP {'z': MAP {k: s}}",
      "(SELECT list(u.s ORDER BY u.i) FROM t u WHERE u.i < 3)",
    ] {
      let from = "FROM t JOIN (SELECT i AS other FROM t WHERE i % 2 = 0) ON other = i ORDER BY i"
      let ours = try parsedRows("SELECT \(expression) \(from)", on: connection)
      let theirs = try parsedRows("SELECT to_json(\(expression)) \(from)", on: connection)
      #expect(ours.count == 2_500)
      #expect(ours == theirs, "\(expression)")
    }
  }

  @Test func `maps with other keys than strings are lists of pairs`() throws {
    let rendered = try render(
      "SELECT MAP {1: 'a', 2: NULL}, MAP {DATE '2024-01-02': 1}", as: .json, on: connection)
    #expect(
      rendered
        == #"[[{"key":1,"value":"a"},{"key":2,"value":null}],[{"key":"2024-01-02","value":1}]]"#)
  }

  @Test func `JSON columns are embedded on one line, and never break the answer`() throws {
    #expect(
      try render("SELECT '{\"a\":\n[1, \"x\\ny\"]}'::JSON AS j", as: .ndjson, on: connection)
        == "{\"j\":{\"a\": [1, \"x\\ny\"]}}\n")
    // DuckDB takes these as JSON, RFC 8259 does not.
    for text in ["[1,]", "NaN", "[-Infinity]", "{\"a\":1,}"] {
      let isTaken = try connection.query("SELECT json_valid(\(sqlLiteral(text)))")
      guard isTaken.rows == [[.bool(true)]] else { continue }
      let rows = try parsedRows("SELECT \(sqlLiteral(text))::JSON", on: connection)
      #expect(rows == [[text as NSString]])
    }
    #expect(try parsedRows("SELECT to_json('NaN'::DOUBLE)", on: connection).count == 1)
  }

  @Test func `many chunks join to one list, and the row limit cuts it`() throws {
    let sql = "SELECT i, 'x' || i FROM range(10000) r(i)"
    let rows = try parsedRows(sql, on: connection)
    #expect(rows.map { ($0[0] as? NSNumber)?.intValue } == Array(0..<10_000))
    for limit in [0, 1, 2_047, 2_048, 2_049, 9_999] {
      let text = try render(sql, as: .json, on: connection, upTo: limit)
      let parsed = try JSONSerialization.jsonObject(with: Data("[\(text)]".utf8))
      #expect((parsed as? [[Any]])?.count == limit)
    }
  }

  @Test(arguments: [RowFormat.json, .ndjson, .csv])
  func `pausing at any size gives the same bytes`(format: RowFormat) throws {
    let sql = "SELECT i, repeat('x', i % 50) AS s, [i, NULL] AS l FROM range(5000) r(i)"
    let whole = try render(sql, as: format, on: connection)
    for pauseBytes in [1, 100, 4_096] {
      let result = try connection.prepare(sql).execute()
      let renderer = RowRenderer(format: format, columns: result.columns)
      var buffer = OutputBuffer()
      var joined: [UInt8] = []
      renderer.renderHeader(into: &buffer)
      while let chunk = try result.nextChunk() {
        var row = 0
        while row < chunk.rowCount {
          row = try renderer.render(
            chunk, from: row, upTo: .max, pauseBytes: pauseBytes, into: &buffer)
          // A pause comes after the row that passed the size: never much later.
          #expect(buffer.count < pauseBytes + 200)
          joined += buffer.withBytes { [UInt8]($0) }
          buffer.removeAll()
        }
      }
      #expect(renderer.rowCount == 5_000)
      #expect(joined == Array(whole.utf8))
    }
  }

  @Test func `CSV tells NULL from the empty string, and quotes by RFC 4180`() throws {
    let rendered = try render(
      """
      SELECT NULL AS n, '' AS empty, 'a"b' AS "quo""te", 'x,y' AS "a,b", [1, NULL] AS l,
        {'a': 'b'} AS s, 'NaN'::DOUBLE AS d, 1.50::DECIMAL(9,2) AS e, ''::BLOB AS f,
        TIMETZ '10:00:00+01' AS g, TIMESTAMP '2024-01-01 00:00:00.5' AS h, '101'::BIT AS i,
        'a b'::JSON IS NULL AS j
      """.replacingOccurrences(of: "'a b'::JSON IS NULL", with: "'{\"a\": 1}'::JSON"),
      as: .csv, on: connection)
    #expect(
      rendered == "n,empty,\"quo\"\"te\",\"a,b\",l,s,d,e,f,g,h,i,j\r\n"
        + ",\"\",\"a\"\"b\",\"x,y\",\"[1,null]\",\"{\"\"a\"\":\"\"b\"\"}\",NaN,1.50,\"\","
        + "10:00:00+01:00,2024-01-01T00:00:00.5,101,\"{\"\"a\"\": 1}\"\r\n")
  }

  @Test func `a CSV answer reads back as the same table`() throws {
    let folder = try TemporaryFolder()
    try connection.execute(
      """
      CREATE TABLE t AS SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 7 = 1 THEN ''
        ELSE chr(34) || 'é,' || chr(10) || i END AS s, i * 0.37 AS d,
        TIMESTAMP '2020-01-01' + INTERVAL (i) MINUTE AS ts FROM range(5000) r(i)
      """)
    let path = folder.path + "/t.csv"
    try render("FROM t ORDER BY i", as: .csv, on: connection)
      .write(toFile: path, atomically: false, encoding: .utf8)
    let difference = try connection.query(
      """
      SELECT count(*) FROM (FROM t EXCEPT ALL FROM read_csv(\(sqlLiteral(path)), header = true,
        nullstr = '', allow_quoted_nulls = false, delim = ',', quote = '"', escape = '"',
        columns = {'i': 'BIGINT', 's': 'VARCHAR', 'd': 'DECIMAL(21,2)', 'ts': 'TIMESTAMP'}))
      """)
    #expect(difference.rows == [[.int64(0)]])
  }

  @Test func `NDJSON has an object a row with escaped names`() throws {
    let rendered = try render(
      "SELECT i AS \"a\"\"b\", NULL AS \"c\nd\" FROM range(2) r(i)", as: .ndjson, on: connection)
    #expect(rendered == "{\"a\\\"b\":0,\"c\\nd\":null}\n{\"a\\\"b\":1,\"c\\nd\":null}\n")
  }

  @Test func `a result without rows renders as nothing but its header`() throws {
    #expect(try render("SELECT 1 AS a WHERE false", as: .json, on: connection).isEmpty)
    #expect(try render("SELECT 1 AS a WHERE false", as: .ndjson, on: connection).isEmpty)
    #expect(try render("SELECT 1 AS a WHERE false", as: .csv, on: connection) == "a\r\n")
  }
}

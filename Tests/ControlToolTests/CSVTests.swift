import ControlTool
import Testing

/// All records of a text as lines and texts, read through a buffer of that many bytes.
private func records(
  _ text: String, delimiter: Character = ",", bufferBytes: Int = 1_024
) async throws -> [String] {
  try await withFile(Array(text.utf8)) { path in
    let source = try ByteSource(path: path, standardInput: -1)
    let reader = try CSVReader(
      source, delimiter: delimiter.asciiValue ?? 0, bufferBytes: bufferBytes)
    var found: [String] = []
    while true {
      let record = try reader.next { (bytes, fields, line) throws(ToolFailure) in
        let texts = fields.map { field in
          let raw = UnsafeBufferPointer(rebasing: bytes[field.range])
          let text = field.hasDoubledQuotes ? CSVRowEncoder.withoutDoubledQuotes(raw) : Array(raw)
          return (field.isQuoted ? "q:" : "") + String(decoding: text, as: UTF8.self)
        }
        return "\(line) " + texts.joined(separator: "¦")
      }
      guard let record else { return found }
      found.append(record)
    }
  }
}

private func failure(_ text: String) async throws -> InputProblem? {
  do {
    _ = try await records(text)
    return nil
  } catch ToolFailure.badRow(let problem) {
    return problem
  }
}

@Suite("CSV")
struct CSVTests {
  @Test(
    "quotes, embedded line ends, line ends of all kinds and a byte order mark, whatever the buffer",
    arguments: [4, 5, 7, 16, 1_024])
  func shapes(bufferBytes: Int) async throws {
    let text =
      "\u{FEFF}a,b,c\r\n1,\"x,\"\"y\"\"\r\nz\",\r\n\n,,\"\"\r2,b\"c,d\n\"last\",\"\",\"e\nf\""
    let found = try await records(text, bufferBytes: bufferBytes)
    #expect(
      found == [
        "1 a¦b¦c", "2 1¦q:x,\"y\"\r\nz¦", "5 ¦¦q:", "6 2¦b\"c¦d", "7 q:last¦q:¦q:e\nf",
      ])
  }

  @Test("a last line needs no line end, and an empty input has no records")
  func ends() async throws {
    #expect(try await records("a,b\n1,2") == ["1 a¦b", "2 1¦2"])
    #expect(try await records("a,b\n1,") == ["1 a¦b", "2 1¦"])
    #expect(try await records("") == [])
    #expect(try await records("\n\r\n\n") == [])
  }

  @Test("another delimiter makes the comma an ordinary character")
  func delimiter() async throws {
    #expect(try await records("a,b\tc\n", delimiter: "\t") == ["1 a,b¦c"])
  }

  @Test("a quote that is never closed and text behind a quote are refused by line")
  func malformed() async throws {
    let open = try await failure("a\nb\n1,\"x\ny\n")
    #expect(open?.line == 3)
    #expect(open?.reason.contains("never closed") == true)
    let behind = try await failure("a\n\"x\"y\n")
    #expect(behind?.line == 2)
    #expect(behind?.reason.contains("after a closing quote") == true)
  }

  @Test("records written with quotes read back the same, for many random tables and buffers")
  func roundTrip() async throws {
    var random = SystemRandomNumberGenerator()
    let alphabet: [Character] = ["a", "\"", ",", "\n", "\r", "é", " "]
    for _ in 0..<200 {
      let table = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        (0..<3).map { _ in
          String((0..<Int.random(in: 0...6)).map { _ in alphabet.randomElement() ?? "a" })
        }
      }
      let text = table.map { row in
        row.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ",") + "\r\n"
      }.joined()
      let found = try await records(text, bufferBytes: Int.random(in: 4...40, using: &random))
      let texts = found.map { $0.drop { $0 != " " }.dropFirst() }
      #expect(texts == table.map { $0.map { "q:" + $0 }.joined(separator: "¦")[...] })
    }
  }
}

@Suite("Column types")
struct ColumnTypeTests {
  private func encoded(_ text: String, _ typeName: String) -> String? {
    var output: [UInt8] = []
    let problem = Array(text.utf8).withUnsafeBufferPointer {
      ColumnType(typeName: typeName).append($0, to: &output)
    }
    return problem == nil ? String(decoding: output, as: UTF8.self) : nil
  }

  @Test(
    "each type takes the spellings of its values and writes JSON",
    arguments: [
      ("BIGINT", "-12", "-12"), ("BIGINT", "+007", "7"), ("BIGINT", "0", "0"),
      ("INTEGER", "00", "0"),
      ("BIGINT", "-0", "-0"), ("DOUBLE", "1e5", "1e5"), ("DOUBLE", ".5", "0.5"),
      ("DOUBLE", "-01.50", "-1.50"), ("DOUBLE", "5.", "5"), ("DECIMAL(18,2)", "1.10", "\"1.10\""),
      ("HUGEINT", "170141183460469231731", "\"170141183460469231731\""),
      ("BOOLEAN", "TRUE", "true"),
      ("BOOLEAN", "f", "false"), ("BOOLEAN", "1", "true"),
      ("VARCHAR", "a\"\\\u{1}é", #""a\"\\\u0001é""#),
      ("TIMESTAMP WITH TIME ZONE", "2013-01-01T10:00:00Z", "\"2013-01-01T10:00:00Z\""),
      ("INTEGER[]", "[1, 2]", "[1, 2]"), ("STRUCT(a INTEGER)", "{\"a\":1}", "{\"a\":1}"),
    ])
  func accepted(typeName: String, text: String, expected: String) {
    #expect(encoded(text, typeName) == expected)
  }

  @Test(
    "what is no value of the type is refused and nothing is written",
    arguments: [
      ("BIGINT", "1.5"), ("BIGINT", "x"), ("BIGINT", "1 "), ("BIGINT", "-"), ("BIGINT", "0x10"),
      ("BIGINT", "--1"), ("DOUBLE", "."), ("DOUBLE", "1,5"), ("DOUBLE", "nan"), ("DOUBLE", "-."),
      ("DOUBLE", "1e"), ("BOOLEAN", "yes!"), ("BOOLEAN", "2"), ("DECIMAL(4,1)", "1.x"),
      ("INTEGER[]", "[1,"), ("JSON", "{} {}"),
    ])
  func refused(typeName: String, text: String) {
    #expect(encoded(text, typeName) == nil)
  }

  @Test(
    "inference finds the narrowest type that holds all values",
    arguments: [
      (["1", "-5"], "BIGINT"), (["1", "2.5"], "DOUBLE"), (["1e3"], "DOUBLE"),
      (["true", "FALSE"], "BOOLEAN"),
      (["1", "true"], "VARCHAR"), (["007"], "VARCHAR"), (["9223372036854775807"], "BIGINT"),
      (["-9223372036854775808"], "BIGINT"), (["9223372036854775808"], "VARCHAR"),
      (["2013-02-28"], "DATE"), (["2013-02-29"], "VARCHAR"), (["2012-02-29"], "DATE"),
      (["2013-01-01 10:00"], "TIMESTAMP"), (["2013-01-01T10:00:00.123456"], "TIMESTAMP"),
      (["2013-01-01T10:00:00.1234567"], "VARCHAR"), (["2013-01-01T10:00:60"], "VARCHAR"),
      (["2013-01-01T10:00:00Z", "2013-01-01T10:00:00+02:00"], "TIMESTAMPTZ"),
      (["2013-01-01", "2013-01-01T10:00"], "VARCHAR"),
      (["2013-01-01T10:00", "2013-01-01T10:00Z"], "VARCHAR"),
      ([""], "VARCHAR"), ([], "VARCHAR"), (["+5"], "VARCHAR"), ([" 1"], "VARCHAR"),
    ])
  func inferred(values: [String], expected: String) {
    var inference = TypeInference()
    for value in values { Array(value.utf8).withUnsafeBufferPointer { inference.observe($0) } }
    #expect(inference.typeName == expected)
  }

  @Test("no value that was shown to the inference is refused by the type it gives")
  func inferenceHolds() {
    let alphabet = Array("0123456789-+.:eETZ tf")
    for _ in 0..<20_000 {
      let values = (0..<Int.random(in: 1...2)).map { _ in
        String((0..<Int.random(in: 1...5)).map { _ in alphabet.randomElement() ?? "0" })
      }
      var inference = TypeInference()
      for value in values { Array(value.utf8).withUnsafeBufferPointer { inference.observe($0) } }
      for value in values {
        let text = encoded(value, inference.typeName)
        #expect(text != nil, "\(value) as \(inference.typeName)")
        #expect(
          text.flatMap { try? JSONValue(parsing: $0.utf8) } != nil, "\(value) made \(text ?? "")")
      }
    }
  }
}

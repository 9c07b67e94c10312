import Glibc
import SimdJSON
import Testing

@Suite struct JSONParserTests {
  private func reason(_ bytes: [UInt8]) -> JSONSyntaxError.Reason? {
    do throws(JSONSyntaxError) {
      _ = try JSONValue(parsing: bytes)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test(arguments: [
    "null", " true ", "false\n", "0", "-0", "-1.5e+10", "1E5", "\"\"", "[]", "{}", "[[],{}]",
    "{\"\":[1,2,3]}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", "\"\u{7F}\"", "[1 ,\t2\r\n]",
    "\"\\ud83d\\ude00\"", "\"a\\\\\"", "\"\u{10FFFF}\"",
  ])
  func takesJSON(_ text: String) { #expect(reason(Array(text.utf8)) == nil) }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "tru e", "+1", "01", "-", "-01", "1.", ".5", "1e", "1e+",
    "0x10", "1 2", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"}", "{\"a\":}",
    "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"a\":1 \"b\":2}", "{1:2}", "[1}", "{\"a\":1]",
    "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"a\"b", "\"a\" \"b\"",
    "1\"a\"", "\"a\"1", "true\"a\"", "\"\t\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"",
    "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\"", "NaN", "Infinity", "[1]]", "{}}", "//x\n1",
    "'a'", "\u{FEFF}1", "[\"a\":1]", "[1;2]", "\u{A0}1", "1\u{B}", "\"\\ud83d\\\"", "-a", "--1",
    "1.2.3", "1e5e5", "1-1", "nulltrue", "[truefalse]", "{\"a\":1}{\"b\":2}",
  ])
  func refusesWhatIsNotJSON(_ text: String) { #expect(reason(Array(text.utf8)) != nil) }

  @Test(
    arguments: [
      [0x22, 0x00, 0x22], [0x22, 0x1F, 0x22], [0x22, 0xC0, 0x80, 0x22],
      [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x31, 0x00],
      [0xFF], [0x5B, 0xC3, 0x5D],
    ] as [[UInt8]])
  func refusesControlCharactersAndWhatIsNotUTF8(_ bytes: [UInt8]) {
    #expect(reason(bytes) != nil)
  }

  @Test func positionsOfTextsAroundTheBlockSizeDoNotMatter() throws {
    for length in 0..<300 {
      let text = String(repeating: "a", count: length)
      #expect(try JSONValue(parsing: Array("\"\(text)\"".utf8)) == .string(text))
      #expect(reason(Array("\"\(text)".utf8)) != nil)
      #expect(reason(Array("\(String(repeating: " ", count: length))[1,]".utf8)) != nil)
      let spaced = String(repeating: " ", count: length) + "12"
      #expect(try JSONValue(parsing: Array(spaced.utf8)) == .number("12"))
      let slashes = String(repeating: "\\\\", count: length)
      #expect(try JSONValue(parsing: Array("\"\(slashes)\"".utf8)).text?.utf8.count == length)
      #expect(reason(Array("\"\(slashes)\\\"".utf8)) != nil)
    }
  }

  @Test func numbersKeepTheirTextAndIntegersTheirExactValue() throws {
    func integer(_ text: String) throws -> Int64? {
      try JSONValue(parsing: Array(text.utf8)).integer
    }
    #expect(
      try JSONValue(parsing: Array("1.50e+400".utf8)) == .number("1.50e+400"))
    #expect(try integer("31.0") == 31)
    #expect(try integer("3.1e1") == 31)
    #expect(try integer("-0.0") == 0)
    #expect(try integer("0e99999999999") == 0)
    #expect(try integer("-9223372036854775808.0") == .min)
    #expect(try integer("9223372036854775807") == .max)
    #expect(try integer("9223372036854775808") == nil)
    #expect(try integer("1e19") == nil)
    #expect(try integer("1.5") == nil)
    #expect(try integer("1e-1") == nil)
    #expect(try integer("1e99999999999") == nil)
    #expect(try integer("\"1\"") == nil)
  }

  @Test func duplicateMembersAreRefusedAndLookalikesAreNot() {
    #expect(reason(Array("{\"a\":1,\"\\u0061\":2}".utf8)) == .duplicateMember)
    #expect(reason(Array("[{\"b\":{\"a\":1,\"a\":2}}]".utf8)) == .duplicateMember)
    #expect(reason(Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)) == nil)
  }

  @Test func noByteBehindTheTextIsRead() throws {
    let page = sysconf(Int32(_SC_PAGESIZE))
    let memory = try #require(
      mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { munmap(memory, 2 * page) }
    // Touching the second page ends the process.
    try #require(mprotect(memory + page, page, PROT_NONE) == 0)
    var parser = JSONParser()
    for text in [
      "1", "\"\\", "\"\\u", "{\"a\":tru", "[1,2,3]", "\"\\ud83d\\u", "-", "\"\\ud83d\"", "1e",
    ] {
      for padding in [0, 1, 63, 64, 127, 128, 1_000] {
        let bytes = Array((String(repeating: " ", count: padding) + text).utf8)
        let start = memory + page - bytes.count
        start.copyMemory(from: bytes, byteCount: bytes.count)
        let isRead = parser.withTokens(
          of: UnsafeRawBufferPointer(start: start, count: bytes.count)
        ) { result in
          guard case .success(let tokens) = result else { return false }
          return (try? tokens.withCanonicalBytes(of: 0) { !$0.isEmpty }) ?? false
        }
        #expect(isRead == ["1", "[1,2,3]"].contains(text), "\(text)")
      }
    }
  }

  @Test func depthIsBounded() {
    func nested(_ depth: Int) -> [UInt8] {
      Array(
        (String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    #expect(reason(nested(64)) == nil)
    #expect(reason(nested(65)) == .tooDeep)
    #expect(reason(nested(1_000_000)) == .tooDeep)
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    let value = JSONValue.object([
      .init("a\"\\\u{1}\n\u{2028}é😀", .array([.null, .boolean(true), .number("-1.50e3")])),
      .init("", .object([])), .init("s", .string(String(decoding: 0..<128, as: UTF8.self))),
    ])
    var writer = JSONWriter()
    writer.value(value)
    #expect(try JSONValue(parsing: writer.bytes) == value)
  }

  @Test func theWriterPutsCommasWhereTheyBelong() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("a", 1)
    writer.name("b")
    writer.beginArray()
    writer.beginObject()
    writer.endObject()
    writer.double(0.1)
    writer.double(.infinity)
    writer.raw("[0]")
    writer.endArray()
    writer.member("c", "x")
    writer.member("d", false)
    writer.endObject()
    #expect(writer.text == "{\"a\":1,\"b\":[{},0.1,null,[0]],\"c\":\"x\",\"d\":false}")
  }

  @Test func oneParserReadsTextAfterText() {
    var parser = JSONParser()
    for text in ["[1,2]", "[1,", "{\"a\":[]}", ""] {
      let bytes = Array(text.utf8)
      let count = bytes.withUnsafeBytes { parser.withTokens(of: $0) { try? $0.get().count } }
      #expect(count == ["[1,2]": 3, "{\"a\":[]}": 3][text])
    }
  }
}

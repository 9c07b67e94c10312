import HTTPServer
import Testing

@Suite struct HeadersTests {
  private let headers = HTTPHeaders([
    ("Host", "example:80"), ("X-Key", " \tabc\t "), ("x-key", "second"), ("Empty", ""),
  ])

  @Test func `names are found whatever their case, the first one first`() {
    #expect(headers["HOST"] == "example:80")
    #expect(headers["x-KEY"] == "abc")
    #expect(headers.values(of: "X-Key") == ["abc", "second"])
    #expect(headers["empty"] == "")
    #expect(headers["hos"] == nil)
    #expect(headers["hosts"] == nil)
    #expect(headers.contains("empty"))
    #expect(headers.count == 4)
  }

  @Test func `a value's bytes are lent without blanks`() {
    let bytes = headers.withValue(of: "X-Key") { Array($0) }
    #expect(bytes == Array("abc".utf8))
    #expect(headers.withValue(of: "none") { $0.count } == nil)
  }
}

import HTTPServer
import Testing

@Suite struct RequestTargetTests {
  private func target(_ text: String) throws -> HTTPRequestTarget {
    try HTTPRequestTarget(raw: Array(text.utf8))
  }

  @Test(arguments: [
    ("/", [""]), ("/v1/tables", ["v1", "tables"]), ("/v1/", ["v1", ""]), ("//a", ["", "a"]),
    ("/a%2Fb/c", ["a/b", "c"]), ("/%e4%bd%a0", ["你"]), ("/a+b", ["a+b"]), ("/../x", ["..", "x"]),
    ("*", ["*"]), ("http://h/x", ["x"]), ("HTTP://h", [""]), ("https://h?q", [""]),
  ])
  func `a path is split before it is decoded`(_ text: String, _ segments: [String]) throws {
    #expect(try target(text).pathSegments == segments)
  }

  @Test func `a query keeps order, repetition and empty values`() throws {
    let parsed = try target("/p?b=2&a=x+y%2B&b=&c&&=v&d=1=2")
    let items = parsed.query.map { "\($0.name):\($0.value)" }
    #expect(items == ["b:2", "a:x y+", "b:", "c:", ":v", "d:1=2"])
    #expect(parsed.queryValue("b") == "2")
    #expect(parsed.queryValue("z") == nil)
  }

  @Test(arguments: [
    "", "x", "a/b", "/%", "/%1", "/%zz", "/%00", "/a%00b", "/%ff", "/%c3", "/%ed%a0%80", "/a#b",
    "/a b", "/\u{7f}", "/ä", "/p?x=%", "/p?%00=1", "/p?a=%C0%80", "http://", "http:///x",
    "http://user@h/", "ftp://h/", "h:443", "**",
  ])
  func `a target that others could read differently is refused`(_ text: String) {
    #expect(throws: HTTPFramingFault.invalidTarget) { try target(text) }
  }
}

import Testing

@Suite("Reading Swift")
struct SwiftCodeTests {
  @Test(
    "Comments and strings are blanked, code and interpolations stay",
    arguments: [
      ("a // b", "a     "), ("a /* b /* c */ d */ e", "a                   e"),
      ("a \"b\" c", "a     c"), ("a \"\\\"b\" c", "a       c"),
      ("\"x\\(f(\"y\", z))w\" q", "    f(   , z)    q"), ("#\"a\\(b)\"c\"# d", "            d"),
      ("\"\"\"\n\"a\" \\(b)\n\"\"\" c", "   \n      b \n    c"), ("\"open\nlet a", "     \nlet a"),
    ])
  func blanked(source: String, code: String) {
    #expect(SwiftCode.blanked(source) == code)
  }

  @Test("Functions are found with their extent, protocol requirements are not")
  func functionsAreFound() {
    let source = """
      protocol A {
        func a() -> Int
        init(b: Int)
        var c: Int { get }
      }
      struct B: A {
        init(b: Int) { self.init(c: { b }) }
        func a<T>(
          _ x: T = { T() }()
        ) -> Int where T: Q {
          let s = "}"
          return 1
        }
        deinit {
        }
      }
      """
    let lines = SwiftCode.blanked(source).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      SwiftFunctions.extents(in: lines) == [
        .init(line: 7, lineCount: 1), .init(line: 8, lineCount: 6), .init(line: 14, lineCount: 2),
      ])
  }
}

import Foundation
import Rendering
import Testing

struct StrictJSONTests {
  private func isValid(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBufferPointer { StrictJSON.isValid($0) }
  }

  @Test(arguments: [
    "0", "-0", "1.5e-3", "10", "\"\"", "\"\\u00e9\\n\"", "true", " null ", "[]", "{}", "[[],{}]",
    "{\"a\":[1,{\"b\":null}],\"c\":\"d\"}", "\n[1 , 2]\t",
  ])
  func `takes what RFC 8259 allows`(text: String) {
    #expect(isValid(text))
  }

  @Test(arguments: [
    "", " ", "01", "-", "1.", ".5", "1e", "+1", "NaN", "Infinity", "tru", "truex", "nul", "'a'",
    "\"", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "[", "]", "[1", "[1,]", "[,1]", "[1 2]", "{",
    "{\"a\"}",
    "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{\"a\" 1}", "[1}", "{\"a\":1]", "1 2", "[] []",
    "/**/1",
  ])
  func `refuses what it does not`(text: String) {
    #expect(!isValid(text))
  }

  @Test func `refuses nesting beyond its limit without recursion`() {
    let limit = StrictJSON.depthLimit
    let deepest = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
    #expect(isValid(deepest))
    #expect(!isValid("[" + deepest + "]"))
    #expect(!isValid(String(repeating: "{\"a\":", count: 1_000_000)))
  }

  @Test func `agrees with Foundation on mutilated documents`() throws {
    var generator = SystemRandomNumberGenerator()
    let seed = Array(
      "{\"a\":[1,-2.5e+3,\"x\\n\\u0041\"],\"b\":{\"c\":null,\"d\":[true,false]}}".utf8)
    let alphabet = Array("{}[],:\"\\0123456789.eE+-truefalsn ax".utf8)
    var accepted = 0
    for _ in 0..<3_000 {
      var text = seed
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let place = Int.random(in: 0..<text.count, using: &generator)
        if Bool.random(using: &generator) {
          text[place] = alphabet.randomElement(using: &generator)!
        } else {
          text.remove(at: place)
        }
      }
      let ours = text.withUnsafeBufferPointer { StrictJSON.isValid($0) }
      let theirs =
        (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
      if ours { accepted += 1 }
      #expect(ours == theirs, "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(accepted > 20)
  }
}

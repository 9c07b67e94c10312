/// Bounds of one parse.
package struct JSONLimits: Equatable, Sendable {
  /// How deep objects and arrays may be nested, the outermost counted as one.
  package var depth: Int
  /// How many values and member names a text may have; a token takes 16 bytes while it is read.
  package var tokens: Int

  package init(depth: Int = 64, tokens: Int = 8_388_608) {
    self.depth = depth
    self.tokens = tokens
  }
}

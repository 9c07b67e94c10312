/// What becomes of a JSON cell that the engine takes and RFC 8259 does not, such as `NaN`.
package enum LooseJSON: Sendable {
  /// It is a JSON string, so that the whole answer stays JSON.
  case quoted
  /// It ends the rendering: for rows that must come back as the same values.
  case refused
}

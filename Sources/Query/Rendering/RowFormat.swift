/// The text a result is rendered as. The forms of the types: `docs/types.md`.
package enum RowFormat: Sendable {
  /// Arrays joined by commas, `[1,"a"],[2,"b"]`; who sends them adds what stands around.
  case json
  /// An object a row, each ended by a line feed. Column names must differ.
  case ndjson
  /// RFC 4180: lines end with CR LF, NULL is empty, the empty string is `""`.
  case csv
}

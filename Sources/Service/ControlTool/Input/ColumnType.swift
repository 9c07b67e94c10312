/// How the text of a CSV field becomes the JSON value that a column takes.
package enum ColumnType: Sendable, Equatable {
  case boolean
  case integer
  /// An integer beyond 64 bits or a decimal: its digits travel as a string, exactly.
  case exactNumber
  case floatingPoint
  /// The field itself holds JSON: lists, structs, maps, JSON.
  case json
  /// Everything that JSON has as a string.
  case text

  /// The kind for a DuckDB type name, such as `DECIMAL(10,2)` or `BIGINT[]`.
  package init(typeName: String) {
    let name = typeName.uppercased()
    let base = String(name.prefix { $0 != "(" }).trimmedOfSpaces()
    switch base {
    case _ where name.hasSuffix("]"): self = .json
    case "STRUCT", "MAP", "UNION", "JSON", "LIST", "ARRAY", "VARIANT": self = .json
    case "BOOLEAN", "BOOL", "LOGICAL": self = .boolean
    case "TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
      "INT1", "INT2", "INT4", "INT8", "SHORT", "SIGNED", "LONG":
      self = .integer
    case "UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL", "NUMERIC", "DEC": self = .exactNumber
    case "DOUBLE", "FLOAT", "REAL", "FLOAT4", "FLOAT8", "DOUBLE PRECISION": self = .floatingPoint
    default: self = .text
    }
  }

  /// Appends the JSON form of a field that is not NULL.
  ///
  /// - Returns: what was expected instead, when the text has no such form; nothing is appended
  ///   then.
  package func append(_ bytes: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) -> String? {
    switch self {
    case .text:
      JSONString.append(bytes, to: &output)
    case .integer:
      guard NumberSyntax.isJSONInteger(bytes) else { return appendRespelt(bytes, to: &output) }
      output.append(contentsOf: bytes)
    case .floatingPoint:
      guard NumberSyntax.isJSONNumber(bytes) else { return appendRespelt(bytes, to: &output) }
      output.append(contentsOf: bytes)
    case .exactNumber:
      guard NumberSyntax.isJSONNumber(bytes) else { return "a number" }
      JSONString.append(bytes, to: &output)
    case .boolean:
      guard let value = Self.boolean(bytes) else { return "true or false" }
      output += (value ? "true" : "false").utf8
    case .json:
      var scanner = JSONScanner(bytes)
      do throws(JSONProblem) {
        _ = try scanner.value()
        try scanner.end()
      } catch {
        return "JSON: \(error.reason)"
      }
      output.append(contentsOf: bytes)
    }
    return nil
  }

  /// Numbers as other programs write them: with a plus, leading zeros, or a bare point.
  private func appendRespelt(
    _ bytes: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]
  ) -> String? {
    let expected = self == .integer ? "a whole number" : "a number"
    var digits = bytes[...]
    let isNegative = digits.first == 0x2D
    if isNegative || digits.first == 0x2B { digits = digits.dropFirst() }
    guard let first = digits.first, ASCII.isDigit(first) || first == 0x2E else { return expected }
    digits = digits.drop { $0 == 0x30 }
    var text: [UInt8] = isNegative ? [0x2D] : []
    if digits.first.map(ASCII.isDigit) != true { text.append(0x30) }
    text += digits
    if text.last == 0x2E, bytes.count > 1 { text.removeLast() }
    let isValid = text.withUnsafeBufferPointer {
      self == .integer ? NumberSyntax.isJSONInteger($0) : NumberSyntax.isJSONNumber($0)
    }
    guard isValid, bytes.contains(where: ASCII.isDigit) else { return expected }
    output += text
    return nil
  }

  private static func boolean(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool? {
    if ASCII.equals(bytes, lowercase: "true") { return true }
    if ASCII.equals(bytes, lowercase: "false") { return false }
    guard bytes.count == 1 else { return nil }
    switch bytes[0] {
    case 0x31, 0x74, 0x54: return true
    case 0x30, 0x66, 0x46: return false
    default: return nil
    }
  }
}

extension String {
  package func trimmedOfSpaces() -> String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

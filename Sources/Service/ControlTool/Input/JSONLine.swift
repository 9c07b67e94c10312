/// One line of NDJSON, checked to be a JSON object.
package struct JSONLine {
  /// The values of the key columns in their order, text without quotes; nil where the member is
  /// absent or null.
  private(set) var keyValues: [[UInt8]?]

  /// - Throws: a reason for a person.
  package init(_ bytes: UnsafeBufferPointer<UInt8>, keyColumns: [String]) throws(JSONProblem) {
    var values = [[UInt8]?](repeating: nil, count: keyColumns.count)
    guard UTF8Check.isValid(bytes) else { throw JSONProblem(offset: 0, reason: "not UTF-8") }
    var scanner = JSONScanner(bytes)
    guard scanner.peek() == 0x7B else { throw scanner.problem("not a JSON object") }
    try scanner.object { (scanner, name) throws(JSONProblem) in
      let value = try scanner.value(depth: 1)
      guard !keyColumns.isEmpty else { return }
      let member = JSONString.decoded(bytes[name])
      if let index = keyColumns.firstIndex(of: member) {
        values[index] = Self.keyText(bytes[value])
      }
    }
    try scanner.end()
    keyValues = values
  }

  private static func keyText(_ value: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? {
    switch value.first {
    case 0x22: Array(JSONString.decoded(value).utf8)
    case 0x6E: nil
    default: Array(value)
    }
  }
}

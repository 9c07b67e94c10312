/// Cuts a body that arrives in pieces into blocks of whole records.
struct RecordSplitter {
  private(set) var rest: [UInt8] = []
  /// How many bytes of `rest` have been looked at.
  private var scanned = 0
  /// Just behind the last record's end among them.
  private var end = 0
  private var isQuoted = false
  private let hasQuotes: Bool

  /// - Parameter hasQuotes: whether a line feed inside double quotes ends no record, as in CSV.
  init(hasQuotes: Bool) { self.hasQuotes = hasQuotes }

  /// Whether the body ends, as far as it came, inside a quoted field.
  var endsQuoted: Bool { isQuoted }

  /// Takes bytes in.
  ///
  /// - Returns: the whole records so far, with their line feeds; nil while there is none.
  mutating func append(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    rest.append(contentsOf: bytes)
    scan()
    guard end > 0 else { return nil }
    let block = Array(rest[..<end])
    rest.removeSubrange(..<end)
    scanned -= end
    end = 0
    return block
  }

  /// What is left at the end of the body.
  mutating func finish() -> [UInt8] {
    defer { (rest, scanned, end) = ([], 0, 0) }
    return rest
  }

  private mutating func scan() {
    let start = scanned
    var found = end
    var quoted = isQuoted
    let seesQuotes = hasQuotes
    rest.withUnsafeBytes { bytes in
      if !seesQuotes {
        // Backwards: only the last line feed matters.
        var index = bytes.count
        while index > start {
          index -= 1
          if bytes[index] == 0x0A {
            found = index + 1
            return
          }
        }
        return
      }
      for index in start..<bytes.count {
        let byte = bytes[index]
        if byte == 0x22 {
          quoted.toggle()
        } else if byte == 0x0A, !quoted {
          found = index + 1
        }
      }
    }
    (end, isQuoted, scanned) = (found, quoted, rest.count)
  }
}

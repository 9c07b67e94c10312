extension DuckDBError {
  /// The most UTF-8 bytes of a scrubbed message; a failed cast can quote a value of megabytes.
  package static let scrubbedMessageLimitBytes = 1024

  /// DuckDB's text without SQL, file paths, advice on settings and stack traces.
  ///
  /// The quoted excerpt of the statement (`LINE 1: …`) goes, since it can be the text of a view.
  /// Whatever looks like a path (a slash beside a letter, or a data file's extension) becomes
  /// `<redacted>`, in quotes up to the closing quote: rather a value too many than a path too few.
  package var scrubbedMessage: String {
    switch kind {
    case .internal: return "internal error of the query engine"
    case .fatal: return "the query engine met a fatal error"
    case .dataCorruption: return "the query engine met corrupt data"
    case .outOfMemory: return "Out of Memory Error: the query needs more memory than it may use"
    default: break
    }
    var scrubber = PathScrubber(Self.withoutExcerpt(message))
    return Self.truncated(scrubber.run())
  }

  private static func withoutExcerpt(_ message: String) -> Substring.UTF8View {
    var text = message[...].utf8
    for marker in ["\nLINE ", "\n\nPossible solutions", "\n\nStack Trace"] {
      if let range = text.firstRange(of: marker.utf8) { text = text[..<range.lowerBound] }
    }
    while let last = text.last, last == 0x0A || last == 0x20 { text = text.dropLast() }
    return text
  }

  private static func truncated(_ text: String) -> String {
    guard text.utf8.count > scrubbedMessageLimitBytes else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: scrubbedMessageLimitBytes)
    while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
      end = text.utf8.index(before: end)
    }
    return String(text[..<end]) + "…"
  }
}

/// Replaces what looks like a path, word by word; a quoted text counts as one word.
private struct PathScrubber {
  private let text: [UInt8]
  private var output: [UInt8] = []
  private var position = 0

  private static let extensions = [
    ".parquet", ".csv", ".json", ".ndjson", ".db", ".duckdb", ".sqlite", ".tmp", ".block", ".arrow",
    ".gz", ".zst", ".wal", ".so", ".cpp", ".hpp",
  ].map { Array($0.utf8) }

  init(_ text: Substring.UTF8View) {
    self.text = Array(text)
    output.reserveCapacity(self.text.count)
  }

  mutating func run() -> String {
    while position < text.count {
      let byte = text[position]
      if isOpeningQuote(at: position), let closing = closingQuote(after: position) {
        output.append(byte)
        append(word: position + 1..<closing)
        output.append(byte)
        position = closing + 1
      } else if Self.isSeparator(byte) {
        output.append(byte)
        position += 1
      } else {
        var end = position
        while end < text.count, !Self.isSeparator(text[end]) { end += 1 }
        append(word: position..<end)
        position = end
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private mutating func append(word: Range<Int>) {
    if looksLikePath(text[word]) {
      output += "<redacted>".utf8
    } else {
      output += text[word]
    }
  }

  /// A quote after a letter is an apostrophe ("Can't open"), not the start of a quoted text.
  private func isOpeningQuote(at index: Int) -> Bool {
    guard text[index] == UInt8(ascii: "\"") || text[index] == UInt8(ascii: "'") else {
      return false
    }
    return index == 0 || !Self.isWordByte(text[index - 1])
  }

  private func closingQuote(after index: Int) -> Int? {
    text[(index + 1)...].firstIndex(of: text[index])
  }

  private func looksLikePath(_ word: ArraySlice<UInt8>) -> Bool {
    let lowercased = word.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    for suffix in Self.extensions where lowercased.firstRange(of: suffix) != nil { return true }
    guard let slash = lowercased.firstIndex(of: UInt8(ascii: "/")) else { return false }
    if isOperatorSignature(lowercased, slash) { return false }
    return lowercased.contains(where: Self.isLetterByte)
  }

  /// `/(VARCHAR, INTEGER)` and `//(…)` name the division operators, not a file.
  private func isOperatorSignature(_ word: [UInt8], _ slash: Int) -> Bool {
    guard slash == 0, let parenthesis = word.firstIndex(where: { $0 != UInt8(ascii: "/") }) else {
      return false
    }
    return parenthesis <= 2 && word[parenthesis] == UInt8(ascii: "(")
      && !word[parenthesis...].contains(UInt8(ascii: "/"))
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
      || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";")
  }

  private static func isLetterByte(_ byte: UInt8) -> Bool {
    (byte >= 0x61 && byte <= 0x7A) || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    isLetterByte(byte) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x30 && byte <= 0x39)
  }
}

/// Writes one log line: a JSON object and a line feed.
struct LogLine {
  private(set) var bytes: [UInt8] = []
  private var isFirst = true

  init() {
    bytes.reserveCapacity(256)
    bytes.append(UInt8(ascii: "{"))
  }

  mutating func add(timestamp microseconds: Int64) {
    beginField("timestamp")
    bytes.append(UInt8(ascii: "\""))
    RFC3339.append(microseconds: microseconds, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  mutating func add(_ key: String, _ text: String) {
    beginField(key)
    appendQuoted(text)
  }

  mutating func add(_ key: String, _ value: LogValue) {
    beginField(key)
    switch value {
    case .string(let text):
      appendQuoted(text)
    case .integer(let integer):
      bytes.append(contentsOf: String(integer).utf8)
    case .number(let number) where number.isFinite:
      bytes.append(contentsOf: String(number).utf8)
    case .number(let number):
      // JSON has no number for these.
      appendQuoted(String(number))
    case .boolean(let boolean):
      bytes.append(contentsOf: (boolean ? "true" : "false").utf8)
    case .strings(let texts):
      bytes.append(UInt8(ascii: "["))
      for (index, text) in texts.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        appendQuoted(text)
      }
      bytes.append(UInt8(ascii: "]"))
    }
  }

  consuming func finish() -> [UInt8] {
    bytes.append(UInt8(ascii: "}"))
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private mutating func beginField(_ key: String) {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: key.utf8)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  /// A JSON string (RFC 8259, section 7). Longer text is cut: a line stays below what pipes write
  /// in few pieces, and an error text of megabytes helps nobody.
  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    defer { bytes.append(UInt8(ascii: "\"")) }
    // Nearly all text needs no escape.
    if text.utf8.count <= LogWriter.maximumTextBytes, text.utf8.allSatisfy(LogLine.isPlain) {
      bytes.append(contentsOf: text.utf8)
      return
    }
    var written = 0
    for scalar in text.unicodeScalars {
      guard written < LogWriter.maximumTextBytes else {
        bytes.append(contentsOf: "…".utf8)
        break
      }
      written += append(scalar)
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func append(_ scalar: Unicode.Scalar) -> Int {
    let start = bytes.count
    switch scalar {
    case "\"": bytes.append(contentsOf: #"\""#.utf8)
    case "\\": bytes.append(contentsOf: #"\\"#.utf8)
    case "\n": bytes.append(contentsOf: #"\n"#.utf8)
    case "\r": bytes.append(contentsOf: #"\r"#.utf8)
    case "\t": bytes.append(contentsOf: #"\t"#.utf8)
    // Line separators and the delete character are legal in JSON but break terminals and readers
    // of lines.
    case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
      let digits = String(scalar.value, radix: 16)
      bytes.append(contentsOf: "\\u".utf8)
      bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
      bytes.append(contentsOf: digits.utf8)
    default:
      bytes.append(contentsOf: String(scalar).utf8)
    }
    return bytes.count - start
  }
}

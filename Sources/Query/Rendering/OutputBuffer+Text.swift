private let hexadecimalDigits: StaticString = "0123456789abcdef"
private let base64Digits: StaticString =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

extension OutputBuffer {
  /// How many bytes of a text are written after one `reserve`; bounds what escaping sets aside.
  private static let sliceBytes = 1 << 16

  /// A JSON string of UTF-8 bytes; makes its own room.
  @inline(__always)
  mutating func appendJSONString(_ text: UnsafeBufferPointer<UInt8>) {
    var start = 0
    repeat {
      let end = min(start &+ Self.sliceBytes, text.count)
      // Six bytes at most for one, and two quotes.
      reserve((end &- start) &* 6 &+ 2)
      if start == 0 { appendReserved(UInt8(ascii: "\"")) }
      appendEscaped(text, from: start, to: end)
      start = end
    } while start < text.count
    appendReserved(UInt8(ascii: "\""))
  }

  @inline(__always)
  private mutating func appendEscaped(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int
  ) {
    guard let base = text.baseAddress else { return }
    var start = start
    while start < end {
      let plainEnd = Self.firstEscape(base, from: start, to: end)
      appendReserved(UnsafeRawBufferPointer(start: base + start, count: plainEnd &- start))
      guard plainEnd < end else { return }
      appendEscape(base[plainEnd])
      start = plainEnd &+ 1
    }
  }

  /// The first byte that JSON must escape: below 0x20, a quote or a backslash.
  @inline(__always)
  private static func firstEscape(
    _ text: UnsafePointer<UInt8>, from start: Int, to end: Int
  ) -> Int {
    var position = start
    // Eight bytes at a time; each test leaves the top bit of a byte set where it holds.
    while position &+ 8 <= end {
      let word = UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self)
      let ones: UInt64 = 0x0101_0101_0101_0101
      let quotes = word ^ (ones &* 0x22)
      let backslashes = word ^ (ones &* 0x5C)
      let controlBytes = (word &- ones &* 0x20) & ~word
      let quoteBytes = (quotes &- ones) & ~quotes
      let backslashBytes = (backslashes &- ones) & ~backslashes
      if (controlBytes | quoteBytes | backslashBytes) & (ones &* 0x80) != 0 { break }
      position &+= 8
    }
    while position < end {
      let byte = text[position]
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { break }
      position &+= 1
    }
    return position
  }

  private mutating func appendEscape(_ byte: UInt8) {
    appendReserved(UInt8(ascii: "\\"))
    switch byte {
    case 0x22, 0x5C: appendReserved(byte)
    case 0x08: appendReserved(UInt8(ascii: "b"))
    case 0x09: appendReserved(UInt8(ascii: "t"))
    case 0x0A: appendReserved(UInt8(ascii: "n"))
    case 0x0C: appendReserved(UInt8(ascii: "f"))
    case 0x0D: appendReserved(UInt8(ascii: "r"))
    default:
      appendReserved("u00")
      appendReserved(hexadecimalDigits.utf8Start[Int(byte >> 4)])
      appendReserved(hexadecimalDigits.utf8Start[Int(byte & 15)])
    }
  }

  /// A CSV field (RFC 4180): quoted when it is empty or holds a comma, a quote or a line break.
  mutating func appendCSVText(_ text: UnsafeBufferPointer<UInt8>) {
    let isPlain =
      !text.isEmpty
      && !text.contains { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
    if isPlain {
      append(contentsOf: UnsafeRawBufferPointer(text))
    } else {
      let start = count
      append(contentsOf: UnsafeRawBufferPointer(text))
      quoteForCSV(from: start)
    }
  }

  /// Puts what stands from `start` on in quotes, and doubles those it holds.
  mutating func quoteForCSV(from start: Int) {
    let quotes = countOccurrences(of: UInt8(ascii: "\""), from: start)
    rewrite(from: start, growingBy: quotes + 2) { bytes, old in
      let new = old + quotes + 2
      var target = new - 1
      bytes[target] = UInt8(ascii: "\"")
      for source in stride(from: old - 1, through: 0, by: -1) {
        let byte = bytes[source]
        target -= 1
        bytes[target] = byte
        if byte == UInt8(ascii: "\"") {
          target -= 1
          bytes[target] = byte
        }
      }
      bytes[0] = UInt8(ascii: "\"")
      return new
    }
  }

  /// Base64 with padding (RFC 4648); makes its own room.
  mutating func appendBase64(_ bytes: UnsafeBufferPointer<UInt8>) {
    reserve((bytes.count + 2) / 3 * 4)
    let digits = base64Digits.utf8Start
    var position = 0
    while position + 3 <= bytes.count {
      let group =
        UInt32(bytes[position]) << 16 | UInt32(bytes[position + 1]) << 8
        | UInt32(bytes[position + 2])
      for shift: UInt32 in [18, 12, 6, 0] {
        appendReserved(digits[Int(group >> shift & 63)])
      }
      position += 3
    }
    let left = bytes.count - position
    guard left > 0 else { return }
    let group = UInt32(bytes[position]) << 16 | (left == 2 ? UInt32(bytes[position + 1]) << 8 : 0)
    appendReserved(digits[Int(group >> 18 & 63)])
    appendReserved(digits[Int(group >> 12 & 63)])
    appendReserved(left == 2 ? digits[Int(group >> 6 & 63)] : UInt8(ascii: "="))
    appendReserved(UInt8(ascii: "="))
  }

  /// A UUID in its 36 characters.
  mutating func appendUUID(_ value: UInt128) {
    let high = UInt64(truncatingIfNeeded: value >> 64)
    let low = UInt64(truncatingIfNeeded: value)
    appendHexadecimal(high >> 32, digits: 8)
    appendReserved(UInt8(ascii: "-"))
    appendHexadecimal(high >> 16, digits: 4)
    appendReserved(UInt8(ascii: "-"))
    appendHexadecimal(high, digits: 4)
    appendReserved(UInt8(ascii: "-"))
    appendHexadecimal(low >> 48, digits: 4)
    appendReserved(UInt8(ascii: "-"))
    appendHexadecimal(low, digits: 12)
  }

  /// The last digits of a number.
  @inline(__always)
  private mutating func appendHexadecimal(_ value: UInt64, digits count: Int) {
    appendReserved(atMost: count) { target in
      let digits = hexadecimalDigits.utf8Start
      for place in 0..<count {
        target[place] =
          digits[Int(truncatingIfNeeded: value >> UInt64(4 &* (count &- 1 &- place))) & 15]
      }
      return count
    }
  }

  /// The text of a JSON column as it is, on one line: what is not strict JSON (DuckDB also takes
  /// `NaN` and trailing commas) becomes a JSON string instead of breaking the whole answer.
  mutating func appendEmbeddedJSON(_ text: UnsafeBufferPointer<UInt8>) {
    guard StrictJSON.isValid(text) else {
      appendJSONString(text)
      return
    }
    reserve(text.count)
    appendReserved(atMost: text.count) { target in
      // In valid JSON a line break can only be white space between tokens.
      for (index, byte) in text.enumerated() { target[index] = byte < 0x20 ? 0x20 : byte }
      return text.count
    }
  }
}

/// Finds the fields of one CSV record (RFC 4180) in bytes.
///
/// Lines end with LF, CRLF or CR. A quoted field may hold delimiters, line ends and doubled
/// quotes. A quote inside an unquoted field is an ordinary byte.
package struct CSVScanner {
  package struct Field {
    /// Without the surrounding quotes.
    package var range: Range<Int>
    package var isQuoted: Bool
    /// Each `""` inside stands for one quote.
    package var hasDoubledQuotes: Bool
  }

  package enum Step: Equatable {
    /// A record ends before `next`; it went over this many line ends.
    case record(next: Int, lineCount: Int)
    /// The bytes end before the record does.
    case incomplete
    case malformed(fieldIndex: Int, reason: String)
  }

  package let delimiter: UInt8
  private(set) var fields: [Field] = []

  package init(delimiter: UInt8) {
    self.delimiter = delimiter
    fields.reserveCapacity(64)
  }

  /// Reads the record that starts at `start`, which must be before the end of the bytes.
  package mutating func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, isComplete: Bool
  ) -> Step {
    fields.removeAll(keepingCapacity: true)
    var index = start
    var lineCount = 0
    while true {
      let fieldStart = index
      var field: Field
      if index < bytes.count, bytes[index] == 0x22 {
        guard
          let closing = Self.closingQuote(bytes, after: index, isComplete: isComplete, &lineCount)
        else {
          return isComplete
            ? .malformed(fieldIndex: fields.count, reason: "a quote that is never closed")
            : .incomplete
        }
        field = Field(
          range: (fieldStart + 1)..<closing.position, isQuoted: true,
          hasDoubledQuotes: closing.hasDoubledQuotes)
        index = closing.position + 1
      } else {
        index = endOfUnquoted(bytes, from: index)
        field = Field(range: fieldStart..<index, isQuoted: false, hasDoubledQuotes: false)
      }
      fields.append(field)
      guard index < bytes.count else {
        return isComplete ? .record(next: index, lineCount: lineCount + 1) : .incomplete
      }
      switch bytes[index] {
      case delimiter:
        index += 1
      case 0x0A:
        return .record(next: index + 1, lineCount: lineCount + 1)
      case 0x0D:
        if index + 1 < bytes.count {
          let isPair = bytes[index + 1] == 0x0A
          return .record(next: index + (isPair ? 2 : 1), lineCount: lineCount + 1)
        }
        return isComplete ? .record(next: index + 1, lineCount: lineCount + 1) : .incomplete
      default:
        return .malformed(fieldIndex: fields.count - 1, reason: "text after a closing quote")
      }
    }
  }

  @inline(__always)
  private func endOfUnquoted(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count {
      let byte = bytes[index]
      if byte == delimiter || byte == 0x0A || byte == 0x0D { break }
      index += 1
    }
    return index
  }

  /// The quote that ends the field, nil when the bytes do not tell yet.
  private static func closingQuote(
    _ bytes: UnsafeBufferPointer<UInt8>, after opening: Int, isComplete: Bool,
    _ lineCount: inout Int
  ) -> (position: Int, hasDoubledQuotes: Bool)? {
    var index = opening + 1
    var hasDoubledQuotes = false
    while index < bytes.count {
      switch bytes[index] {
      case 0x22:
        guard index + 1 < bytes.count else { return isComplete ? (index, hasDoubledQuotes) : nil }
        guard bytes[index + 1] == 0x22 else { return (index, hasDoubledQuotes) }
        hasDoubledQuotes = true
        index += 1
      case 0x0A: lineCount += 1
      case 0x0D where index + 1 < bytes.count && bytes[index + 1] != 0x0A: lineCount += 1
      default: break
      }
      index += 1
    }
    return nil
  }
}

/// Reads Swift just far enough to tell code from comments and strings.
enum SwiftCode {
  /// The text with every comment and string content replaced by spaces; lines keep their numbers.
  /// Code inside string interpolations stays.
  static func blanked(_ text: String) -> String {
    var scanner = Scanner(text)
    return scanner.run()
  }

  private enum Context {
    /// Code, with the parentheses open in it; below the first level it is an interpolation.
    case code(depth: Int)
    case string(hashes: Int, multiline: Bool)
  }

  private struct Scanner {
    let input: [UInt8]
    var output: [UInt8] = []
    var position = 0
    var contexts: [Context] = [.code(depth: 0)]

    init(_ text: String) {
      input = Array(text.utf8)
      output.reserveCapacity(input.count)
    }

    mutating func run() -> String {
      while position < input.count {
        switch contexts[contexts.count - 1] {
        case .code(let depth): scanCode(depth: depth)
        case .string(let hashes, let multiline):
          scanString(hashes: hashes, multiline: multiline)
        }
      }
      return String(decoding: output, as: UTF8.self)
    }

    func starts(_ token: StaticString, at offset: Int = 0) -> Bool {
      let start = position + offset
      guard start + token.utf8CodeUnitCount <= input.count else { return false }
      for index in 0..<token.utf8CodeUnitCount where input[start + index] != token.utf8Start[index]
      {
        return false
      }
      return true
    }

    func hasHashes(_ count: Int, at offset: Int) -> Bool {
      (0..<count).allSatisfy { starts("#", at: offset + $0) }
    }

    mutating func blank(_ count: Int) {
      for byte in input[position..<min(position + count, input.count)] {
        output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
      }
      position = min(position + count, input.count)
    }

    mutating func keep() {
      output.append(input[position])
      position += 1
    }

    mutating func scanCode(depth: Int) {
      if starts("//") {
        while position < input.count, !starts("\n") { blank(1) }
      } else if starts("/*") {
        blankBlockComment()
      } else if let (hashes, multiline) = stringStart() {
        blank(hashes + (multiline ? 3 : 1))
        contexts.append(.string(hashes: hashes, multiline: multiline))
      } else if starts("(") {
        contexts[contexts.count - 1] = .code(depth: depth + 1)
        keep()
      } else if starts(")") {
        if depth == 0, contexts.count > 1 {
          contexts.removeLast()
          blank(1)
        } else {
          contexts[contexts.count - 1] = .code(depth: depth - 1)
          keep()
        }
      } else {
        keep()
      }
    }

    mutating func blankBlockComment() {
      var depth = 0
      repeat {
        if starts("/*") {
          depth += 1
          blank(2)
        } else if starts("*/") {
          depth -= 1
          blank(2)
        } else {
          blank(1)
        }
      } while depth > 0 && position < input.count
    }

    func stringStart() -> (hashes: Int, multiline: Bool)? {
      var hashes = 0
      while starts("#", at: hashes) { hashes += 1 }
      guard starts("\"", at: hashes) else { return nil }
      return (hashes, starts("\"\"\"", at: hashes))
    }

    mutating func scanString(hashes: Int, multiline: Bool) {
      let quotes = multiline ? 3 : 1
      if starts("\\"), hasHashes(hashes, at: 1) {
        let isInterpolation = starts("(", at: 1 + hashes)
        blank(2 + hashes)
        if isInterpolation { contexts.append(.code(depth: 0)) }
      } else if multiline ? starts("\"\"\"") : starts("\""), hasHashes(hashes, at: quotes) {
        blank(quotes + hashes)
        contexts.removeLast()
      } else if !multiline, starts("\n") {
        contexts.removeLast()
      } else {
        blank(1)
      }
    }
  }
}

/// Checks a text against RFC 8259, with bounded nesting; the bytes are known to be UTF-8.
package enum StrictJSON {
  /// The deepest nesting that passes.
  package static let depthLimit = 512

  package static func isValid(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    withUnsafeTemporaryAllocation(of: Bool.self, capacity: depthLimit) { isObject in
      var scanner = Scanner(text: text, isObject: isObject)
      return scanner.run()
    }
  }

  private struct Scanner {
    let text: UnsafeBufferPointer<UInt8>
    /// For each open container whether it is an object.
    let isObject: UnsafeMutableBufferPointer<Bool>
    var depth = 0
    var position = 0

    init(text: UnsafeBufferPointer<UInt8>, isObject: UnsafeMutableBufferPointer<Bool>) {
      self.text = text
      self.isObject = isObject
    }

    private var byte: UInt8? { position < text.count ? text[position] : nil }

    mutating func run() -> Bool {
      while true {
        // Here a value must start.
        skipSpace()
        guard let first = byte else { return false }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
          guard open(asObject: first == UInt8(ascii: "{")) else { return false }
          if !closeIfEmpty() {
            if isObject[depth - 1], !scanKey() { return false }
            continue
          }
        } else if !scanScalar(first) {
          return false
        }
        // Here a value has ended: close containers until a comma asks for the next value.
        switch afterValue() {
        case .nextValue: continue
        case .end: return true
        case .invalid: return false
        }
      }
    }

    private enum Step { case nextValue, end, invalid }

    private mutating func afterValue() -> Step {
      while true {
        skipSpace()
        guard depth > 0 else { return position == text.count ? .end : .invalid }
        guard let next = byte else { return .invalid }
        position += 1
        if next == UInt8(ascii: ",") {
          return !isObject[depth - 1] || scanKey() ? .nextValue : .invalid
        }
        guard next == closing else { return .invalid }
        depth -= 1
      }
    }

    private var closing: UInt8 { isObject[depth - 1] ? UInt8(ascii: "}") : UInt8(ascii: "]") }

    private mutating func open(asObject: Bool) -> Bool {
      guard depth < isObject.count else { return false }
      isObject[depth] = asObject
      depth += 1
      position += 1
      return true
    }

    private mutating func closeIfEmpty() -> Bool {
      skipSpace()
      guard byte == closing else { return false }
      position += 1
      depth -= 1
      return true
    }

    private mutating func scanKey() -> Bool {
      skipSpace()
      guard byte == UInt8(ascii: "\""), scanString() else { return false }
      skipSpace()
      guard byte == UInt8(ascii: ":") else { return false }
      position += 1
      return true
    }

    private mutating func scanScalar(_ first: UInt8) -> Bool {
      switch first {
      case UInt8(ascii: "\""): scanString()
      case UInt8(ascii: "t"): scan("true")
      case UInt8(ascii: "f"): scan("false")
      case UInt8(ascii: "n"): scan("null")
      default: scanNumber()
      }
    }

    private mutating func scan(_ word: StaticString) -> Bool {
      for index in 0..<word.utf8CodeUnitCount {
        guard byte == word.utf8Start[index] else { return false }
        position += 1
      }
      return true
    }

    private mutating func scanString() -> Bool {
      position += 1
      while let next = byte {
        position += 1
        if next == UInt8(ascii: "\"") { return true }
        if next < 0x20 { return false }
        if next == UInt8(ascii: "\\"), !scanEscape() { return false }
      }
      return false
    }

    private mutating func scanEscape() -> Bool {
      guard let escape = byte else { return false }
      position += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
        UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
        return true
      case UInt8(ascii: "u"):
        for _ in 0..<4 {
          guard let digit = byte, Self.isHexadecimal(digit) else { return false }
          position += 1
        }
        return true
      default: return false
      }
    }

    private mutating func scanNumber() -> Bool {
      if byte == UInt8(ascii: "-") { position += 1 }
      if byte == UInt8(ascii: "0") {
        position += 1
      } else if !scanDigits() {
        return false
      }
      if byte == UInt8(ascii: ".") {
        position += 1
        guard scanDigits() else { return false }
      }
      if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
        position += 1
        if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
        guard scanDigits() else { return false }
      }
      return true
    }

    private mutating func scanDigits() -> Bool {
      let start = position
      while let digit = byte, digit >= 0x30, digit <= 0x39 { position += 1 }
      return position > start
    }

    private mutating func skipSpace() {
      while let next = byte, next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 {
        position += 1
      }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
      (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66)
    }
  }
}

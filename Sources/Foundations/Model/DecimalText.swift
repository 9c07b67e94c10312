/// The exact value of a number's text, by the grammar of JSON.
///
/// Nothing is converted: the digits stay where they stand, and only their places are counted.
package struct DecimalText {
  private let text: UnsafeRawBufferPointer
  private let isNegative: Bool
  /// Index of the first and of the last digit that is not zero; `first` is -1 for zero.
  private let first: Int
  private let last: Int
  /// Index of the point, or of where it would stand.
  private let point: Int
  private let exponent: Int
  package let hasExponent: Bool

  /// An exponent beyond this is outside of every type's range; its true size does not matter.
  private static let largestExponent = 1_000_000_000

  /// - Parameter text: a number by JSON's grammar; it must outlive this value.
  package init(_ text: UnsafeRawBufferPointer) {
    var first = -1
    var last = -1
    var point = -1
    var index = 0
    isNegative = text.first == UInt8(ascii: "-")
    if isNegative { index = 1 }
    while index < text.count {
      let byte = text[index]
      if byte == UInt8(ascii: ".") {
        point = index
      } else if byte | 0x20 == UInt8(ascii: "e") {
        break
      } else if byte != UInt8(ascii: "0") {
        if first < 0 { first = index }
        last = index
      }
      index += 1
    }
    self.text = text
    self.first = first
    self.last = last
    self.point = point < 0 ? index : point
    hasExponent = index < text.count
    exponent = hasExponent ? Self.readExponent(text, from: index + 1) : 0
  }

  private static func readExponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var value = 0
    let isNegative = text[start] == UInt8(ascii: "-")
    for byte in text[start...] where byte >= 0x30 {
      value = min(value * 10 + Int(byte - 0x30), largestExponent)
    }
    return isNegative ? -value : value
  }

  package var isZero: Bool { first < 0 }
  package var isNegativeZero: Bool { isZero && isNegative }
  /// The power of ten of the first digit that is not zero. Not for zero.
  package var highestPower: Int { exponent + (first < point ? point - first - 1 : point - first) }
  /// The power of ten of the last digit that is not zero. Not for zero.
  package var lowestPower: Int { exponent + (last < point ? point - last - 1 : point - last) }
  /// Digits from the first to the last that is not zero; 0 for zero.
  package var significantDigits: Int { isZero ? 0 : highestPower - lowestPower + 1 }

  /// Whether DECIMAL(precision, scale) holds the value without rounding.
  package func fits(precision: Int, scale: Int) -> Bool {
    isZero || (-lowestPower <= scale && highestPower < precision - scale)
  }

  /// The sign and the magnitude, if the value is an integer of at most 64 bits.
  package var integer: (isNegative: Bool, magnitude: UInt64)? {
    if isZero { return (false, 0) }
    guard lowestPower >= 0, highestPower <= 19 else { return nil }
    var magnitude: UInt64 = 0
    for index in first...last where index != point {
      guard let next = Self.appending(text[index] - 0x30, to: magnitude) else { return nil }
      magnitude = next
    }
    for _ in 0..<lowestPower {
      guard let next = Self.appending(0, to: magnitude) else { return nil }
      magnitude = next
    }
    return (isNegative, magnitude)
  }

  private static func appending(_ digit: UInt8, to magnitude: UInt64) -> UInt64? {
    let (shifted, overflow) = magnitude.multipliedReportingOverflow(by: 10)
    let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
    return overflow || carry ? nil : sum
  }

  /// Appends the value without an exponent; only for values that fit a DECIMAL or an integer.
  package func appendPlain(to bytes: inout [UInt8]) {
    guard !isZero else {
      bytes.append(UInt8(ascii: "0"))
      return
    }
    let highest = highestPower
    let lowest = lowestPower
    if isNegative { bytes.append(UInt8(ascii: "-")) }
    var power = max(highest, 0)
    var index = first
    while power >= min(lowest, 0) {
      if power == -1 { bytes.append(UInt8(ascii: ".")) }
      if power > highest || power < lowest {
        bytes.append(UInt8(ascii: "0"))
      } else {
        if index == point { index += 1 }
        bytes.append(text[index])
        index += 1
      }
      power -= 1
    }
  }
}

/// Exact reading of a number's text.
enum JSONNumber {
  /// The value of a number with a fraction or an exponent, if it is an integer of 64 bits.
  static func exactInteger(_ text: String) -> Int64? {
    var digits: [UInt8] = []
    var exponent = 0
    var isNegative = false
    var sawPoint = false
    var cursor = Array(text.utf8)[...]
    if cursor.first == UInt8(ascii: "-") {
      isNegative = true
      cursor = cursor.dropFirst()
    }
    while let byte = cursor.first, byte | 0x20 != UInt8(ascii: "e") {
      cursor = cursor.dropFirst()
      if byte == UInt8(ascii: ".") {
        sawPoint = true
      } else {
        digits.append(byte)
        if sawPoint { exponent -= 1 }
      }
    }
    while digits.last == UInt8(ascii: "0") {
      digits.removeLast()
      exponent += 1
    }
    if digits.isEmpty { return 0 }
    if !cursor.isEmpty {
      guard let written = Int32(String(decoding: cursor.dropFirst(), as: UTF8.self)) else {
        return nil
      }
      exponent += Int(written)
    }
    let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    guard exponent >= 0, digits.count - leadingZeros + exponent <= 19 else { return nil }
    digits.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: exponent))
    return Int64((isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self))
  }
}

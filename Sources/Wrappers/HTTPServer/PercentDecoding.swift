/// Strict percent-decoding of one piece of a request target.
enum PercentDecoding {
  /// - Throws: `invalidTarget` for a `%` without two hexadecimal digits, `%00`, or bytes that are
  ///   not UTF-8 once decoded.
  static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) throws(HTTPFramingFault)
    -> String
  {
    let isPlain = text.allSatisfy {
      $0 != UInt8(ascii: "%") && !(plusIsSpace && $0 == UInt8(ascii: "+")) && $0 < 0x80
    }
    if isPlain { return String(decoding: text, as: UTF8.self) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      if byte == UInt8(ascii: "%") {
        guard index + 2 < text.endIndex,
          let high = ASCII.hexadecimalValue(text[index + 1]),
          let low = ASCII.hexadecimalValue(text[index + 2]),
          high << 4 | low != 0
        else { throw .invalidTarget }
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        index += 1
      }
    }
    guard let string = String(validating: decoded, as: UTF8.self) else { throw .invalidTarget }
    return string
  }
}

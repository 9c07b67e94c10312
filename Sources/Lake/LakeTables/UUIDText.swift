import Model

/// Random UUIDs (RFC 9562, version 4) as text.
package enum UUIDText {
  package static func random() -> String {
    var digits = Array(RandomHex.digits(32).utf8)
    digits[12] = UInt8(ascii: "4")
    digits[16] =
      [UInt8(ascii: "8"), UInt8(ascii: "9"), UInt8(ascii: "a"), UInt8(ascii: "b")][
        Int(digits[16] % 4)]
    let parts = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
    return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
  }
}

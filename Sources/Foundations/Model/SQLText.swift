/// Quoting for SQL that is put together as text.
package enum SQLText {
  package static func literal(_ text: String) -> String { quoted(text, with: UInt8(ascii: "'")) }
  package static func identifier(_ name: String) -> String {
    quoted(name, with: UInt8(ascii: "\""))
  }

  // Byte by byte: as a Character, a quote with a combining mark behind it is not a quote.
  private static func quoted(_ text: String, with quote: UInt8) -> String {
    var bytes: [UInt8] = [quote]
    for byte in text.utf8 {
      bytes.append(byte)
      if byte == quote { bytes.append(quote) }
    }
    bytes.append(quote)
    return String(decoding: bytes, as: UTF8.self)
  }
}

import CSimdJSON

/// How a string is written in JSON.
@usableFromInline package enum JSONText {
  /// Appends UTF-8 as a JSON string, with its quotes; only what must be escaped is.
  package static func appendQuoted(_ utf8: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var clean = 0
    for index in 0..<utf8.count {
      let byte = utf8[index]
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { continue }
      bytes.append(contentsOf: utf8[clean..<index])
      appendEscape(of: byte, to: &bytes)
      clean = index + 1
    }
    bytes.append(contentsOf: utf8[clean...])
    bytes.append(UInt8(ascii: "\""))
  }

  /// The value of a string, from the text between its quotes in a JSON text that was parsed.
  package static func unescaped(_ text: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: text.count) { unescape(text, into: $0) }
  }

  /// - Parameter buffer: room for as many bytes as the text has.
  /// - Returns: how many bytes the value has.
  @usableFromInline
  static func unescape(
    _ text: UnsafeRawBufferPointer, into buffer: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    precondition(buffer.count >= text.count, "no room for the value of a string")
    let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
    return csj_unescape(start, text.count, buffer.baseAddress)
  }

  private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    default:
      let hexadecimal = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(hexadecimal[Int(byte >> 4)])
      bytes.append(hexadecimal[Int(byte & 15)])
    }
  }
}

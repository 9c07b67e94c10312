/// Strings between bytes and JSON's quoted form.
package enum JSONString {
  /// Appends text in quotes.
  package static func append(_ text: String, to output: inout [UInt8]) {
    var text = text
    text.withUTF8 { append($0, to: &output) }
  }

  /// Appends UTF-8 bytes in quotes; runs without anything to escape are copied whole.
  package static func append(_ bytes: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    output.append(0x22)
    var runStart = 0
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte >= 0x20, byte != 0x22, byte != 0x5C {
        index += 1
        continue
      }
      output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[runStart..<index]))
      appendEscape(of: byte, to: &output)
      index += 1
      runStart = index
    }
    output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[runStart...]))
    output.append(0x22)
  }

  /// The text of a scanned string, quotes included in the input. A surrogate without its other
  /// half becomes a replacement character.
  package static func decoded(_ quoted: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    let inner = UnsafeBufferPointer(rebasing: quoted.dropFirst().dropLast())
    guard inner.contains(0x5C) else { return String(decoding: inner, as: UTF8.self) }
    var units: [UInt16] = []
    var text = ""
    var runStart = 0
    var index = 0
    func flushUnits() {
      text += String(decoding: units, as: UTF16.self)
      units = []
    }
    while index < inner.count {
      guard inner[index] == 0x5C else {
        index += 1
        continue
      }
      if runStart < index {
        flushUnits()
        text += String(decoding: inner[runStart..<index], as: UTF8.self)
      }
      let escape = inner[index + 1]
      if escape == 0x75 {
        let value = inner[(index + 2)..<(index + 6)].reduce(UInt32(0)) {
          $0 * 16 + (ASCII.hexadecimalValue($1) ?? 0)
        }
        units.append(UInt16(value))
        index += 6
      } else {
        units.append(UInt16(unescaped(escape)))
        index += 2
      }
      runStart = index
    }
    flushUnits()
    return text + String(decoding: inner[runStart...], as: UTF8.self)
  }

  private static func unescaped(_ byte: UInt8) -> UInt8 {
    switch byte {
    case 0x62: 0x08
    case 0x66: 0x0C
    case 0x6E: 0x0A
    case 0x72: 0x0D
    case 0x74: 0x09
    default: byte
    }
  }

  private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
    output.append(0x5C)
    switch byte {
    case 0x22, 0x5C: output.append(byte)
    case 0x0A: output.append(0x6E)
    case 0x0D: output.append(0x72)
    case 0x09: output.append(0x74)
    default:
      output += "u00".utf8
      output.append(0x30 + byte >> 4)
      output.append("0123456789abcdef".utf8.map { $0 }[Int(byte & 15)])
    }
  }
}

import Testing
import Zlib

// "hello gzip\n" as `gzip -n` writes it.
private let hello: [UInt8] = [
  0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57,
  0x48, 0xAF, 0xCA, 0x2C, 0xE0, 0x02, 0x00, 0x39, 0x7C, 0x63, 0x56, 0x0B, 0x00, 0x00, 0x00,
]

/// Feeds `input` in pieces of `step` bytes into room of `room` bytes, as a reader of a file does.
private func decode(_ input: [UInt8], step: Int, room: Int) throws -> String {
  let decoder = try GzipDecoder()
  var text: [UInt8] = []
  var output = [UInt8](repeating: 0, count: room)
  var position = 0
  while position < input.count {
    let piece = input[position..<min(position + step, input.count)]
    let (consumed, produced) = try piece.withUnsafeBytes { source in
      try output.withUnsafeMutableBytes { try decoder.decode(source, into: $0) }
    }
    text.append(contentsOf: output[..<produced])
    position += consumed
  }
  while true {
    let produced = try output.withUnsafeMutableBytes { try decoder.drain(into: $0) }
    if produced == 0 { break }
    text.append(contentsOf: output[..<produced])
  }
  try decoder.finish()
  return String(decoding: text, as: UTF8.self)
}

@Suite("Gzip decoder")
struct GzipDecoderTests {
  @Test("any piece and room size gives the same text", arguments: [1, 2, 3, 7, 100], [1, 3, 100])
  func pieces(step: Int, room: Int) throws {
    #expect(try decode(hello, step: step, room: room) == "hello gzip\n")
  }

  @Test("members follow one another, and zero padding after them is ignored", arguments: [1, 100])
  func members(step: Int) throws {
    let text = try decode(hello + hello + [0, 0, 0], step: step, room: 5)
    #expect(text == "hello gzip\nhello gzip\n")
  }

  @Test("data cut anywhere is truncated, never shorter text", arguments: 0..<hello.count)
  func cut(count: Int) {
    #expect(throws: GzipError.truncated) { try decode(Array(hello[..<count]), step: 9, room: 9) }
  }

  @Test("garbage, a wrong checksum and garbage after a member are corrupt")
  func corrupt() {
    #expect(throws: GzipError.corrupt) { try decode(Array("a,b\n1,2\n".utf8), step: 9, room: 9) }
    var flipped = hello
    flipped[25] ^= 1
    #expect(throws: GzipError.corrupt) { try decode(flipped, step: 9, room: 9) }
    #expect(throws: GzipError.corrupt) { try decode(hello + [1, 2], step: 9, room: 9) }
  }
}

extension ByteSource {
  /// Reads a small input whole.
  ///
  /// - Throws: `unreadableInput`, also when there are more bytes than the limit.
  package func readAll(maximumBytes: Int) throws(ToolFailure) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    defer { buffer.deallocate() }
    var bytes: [UInt8] = []
    while true {
      let count = try read(into: buffer)
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= maximumBytes else {
        throw .unreadableInput(name: name, reason: "longer than \(maximumBytes) bytes")
      }
    }
  }
}

extension OutputBuffer {
  /// The shortest digits that read back as the same number; the standard library's algorithm
  /// (SwiftDtoa, after Errol and Ryu). The number must be finite; needs `numberLimitBytes`.
  @inline(__always)
  mutating func appendShortest<Number: BinaryFloatingPoint & TextOutputStreamable>(
    _ value: Number
  ) {
    appendReserved(atMost: numberTextLimit) { target in
      var stream = NumberText(target: target)
      value.write(to: &stream)
      return stream.count
    }
  }

  private var numberTextLimit: Int { Self.numberLimitBytes }
}

/// Takes the text of a number without a String in between.
private struct NumberText: TextOutputStream {
  let target: UnsafeMutablePointer<UInt8>
  var count = 0

  init(target: UnsafeMutablePointer<UInt8>) {
    self.target = target
  }

  mutating func write(_ string: String) {
    for byte in string.utf8 { append(byte) }
  }

  /// The standard library calls this for ASCII text, which a number is; `write` does the same.
  mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
    for byte in buffer { append(byte) }
  }

  @inline(__always)
  private mutating func append(_ byte: UInt8) {
    precondition(count < OutputBuffer.numberLimitBytes)
    target[count] = byte
    count &+= 1
  }
}

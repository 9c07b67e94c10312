/// A value that travels as the body of a frame.
///
/// Integers are little-endian, strings and lists carry a `u32` count before them. Both sides are
/// the same program, so there is no versioning; what a worker sends is still never trusted.
package protocol FrameMessage: Sendable {
  static var kind: FrameKind { get }
  func encode(into writer: inout MessageWriter)
  init(from reader: inout MessageReader) throws(FrameError)
}

extension FrameMessage {
  package var body: [UInt8] {
    var writer = MessageWriter()
    encode(into: &writer)
    return writer.bytes
  }

  /// - Throws: `malformed`, also when bytes are left over.
  package init(decoding body: [UInt8]) throws(FrameError) {
    var reader = MessageReader(body)
    try self.init(from: &reader)
    guard reader.isAtEnd else { throw .malformed }
  }
}

extension FrameSocket {
  package func send(_ message: some FrameMessage) throws(FrameError) {
    try send(type(of: message).kind, message.body)
  }
}

package struct MessageWriter {
  package private(set) var bytes: [UInt8] = []

  package mutating func put<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func put(_ value: Bool) {
    bytes.append(value ? 1 : 0)
  }

  package mutating func put(_ value: String) {
    put(Array(value.utf8))
  }

  package mutating func put(_ value: [UInt8]) {
    put(UInt32(clamping: value.count))
    bytes.append(contentsOf: value)
  }

  package mutating func put<Element>(
    list: [Element], _ encode: (inout MessageWriter, Element) -> Void
  ) {
    put(UInt32(clamping: list.count))
    for element in list {
      encode(&self, element)
    }
  }

  package mutating func put(_ value: String?) {
    put(value != nil)
    if let value {
      put(value)
    }
  }
}

package struct MessageReader {
  private let bytes: [UInt8]
  private var position = 0

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  package var isAtEnd: Bool { position == bytes.count }

  package mutating func integer<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(FrameError) -> Value {
    let count = MemoryLayout<Value>.size
    let slice = try take(count)
    var value = Value.zero
    withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: slice) }
    return Value(littleEndian: value)
  }

  package mutating func bool() throws(FrameError) -> Bool {
    switch try integer(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw .malformed
    }
  }

  package mutating func byteArray() throws(FrameError) -> [UInt8] {
    Array(try take(Int(try integer(UInt32.self))))
  }

  package mutating func string() throws(FrameError) -> String {
    guard let text = String(validating: try take(Int(try integer(UInt32.self))), as: UTF8.self)
    else { throw .malformed }
    return text
  }

  package mutating func optionalString() throws(FrameError) -> String? {
    try bool() ? try string() : nil
  }

  package mutating func list<Element>(
    _ decode: (inout MessageReader) throws(FrameError) -> Element
  ) throws(FrameError) -> [Element] {
    let count = Int(try integer(UInt32.self))
    // Every element takes at least one byte: a lying count must not reserve memory.
    guard count <= bytes.count - position else { throw .malformed }
    var list: [Element] = []
    list.reserveCapacity(count)
    for _ in 0..<count {
      list.append(try decode(&self))
    }
    return list
  }

  private mutating func take(_ count: Int) throws(FrameError) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw .malformed }
    defer { position += count }
    return bytes[position..<position + count]
  }
}

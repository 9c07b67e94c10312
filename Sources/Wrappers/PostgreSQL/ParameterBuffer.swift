/// The values of one statement in binary form, end to end in one block that is used again.
///
/// Thread-confined, as the connection that owns it. The forms are those of PostgreSQL's `*_recv`
/// functions: integers in the network's byte order, an array as its number of dimensions, whether
/// it holds NULLs, the element's type, length and lower bound, then each element behind its length.
final class ParameterBuffer {
  /// More would not fit into one message of the protocol with its types and lengths.
  static let maximumBytes = 512 << 20
  /// The protocol counts a statement's parameters in 16 bits.
  static let maximumCount = Int(UInt16.max)
  /// What is kept between statements; a larger block is given back.
  private static let keptBytes = 1 << 20

  private var block: UnsafeMutableRawPointer
  private var capacity: Int
  private var count = 0
  private(set) var types: [UInt32] = []
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []

  init() {
    capacity = 4_096
    block = .allocate(byteCount: capacity, alignment: 8)
  }

  deinit { block.deallocate() }

  /// Whether the statements' values are few and small enough for a message each.
  static func fits(_ statements: [Connection.Statement]) -> Bool {
    statements.allSatisfy { statement in
      statement.values.count <= maximumCount
        && statement.values.reduce(0) { $0 + estimatedBytes($1) } <= maximumBytes
    }
  }

  /// Takes the values, which must fit, in place of those before.
  func encode(_ values: [PostgreSQLValue]) {
    clear()
    for value in values {
      let start = count
      types.append(value.typeIdentifier)
      if append(value) {
        offsets.append(start)
        lengths.append(Int32(count - start))
      } else {
        offsets.append(nil)
        lengths.append(0)
      }
    }
  }

  /// Lends pointers to the values, nil for NULL, their lengths, and a 1 (binary) for each.
  func withPointers<Result>(
    _ body: (
      UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    ) -> Result
  ) -> Result {
    let pointers = offsets.map { offset in
      offset.map { UnsafePointer((block + $0).assumingMemoryBound(to: CChar.self)) }
    }
    let formats = [Int32](repeating: 1, count: pointers.count)
    return pointers.withUnsafeBufferPointer { pointers in
      lengths.withUnsafeBufferPointer { lengths in
        formats.withUnsafeBufferPointer { formats in
          body(pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
        }
      }
    }
  }

  private func clear() {
    count = 0
    types.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    guard capacity > Self.keptBytes else { return }
    block.deallocate()
    capacity = 4_096
    block = .allocate(byteCount: capacity, alignment: 8)
  }

  // MARK: Appending

  private func append(_ value: PostgreSQLValue) -> Bool {
    switch value {
    case .null: return false
    case .bool(let value): append(UInt8(value ? 1 : 0))
    case .int16(let value): append(value)
    case .int32(let value): append(value)
    case .int64(let value): append(value)
    case .double(let value): append(value.bitPattern)
    case .text(let value): append(value)
    case .bytes(let value): value.withUnsafeBytes(append)
    case .uuid(let value):
      precondition(value.count == 16, "a uuid has 16 bytes")
      value.withUnsafeBytes(append)
    case .bools(let values):
      appendArray(of: TypeIdentifier.bool, values) { appendElement(UInt8($0 ? 1 : 0)) }
    case .int32s(let values): appendArray(of: TypeIdentifier.int32, values, appendElement)
    case .int64s(let values): appendArray(of: TypeIdentifier.int64, values, appendElement)
    case .optionalInt64s(let values):
      appendArray(of: TypeIdentifier.int64, values, hasNulls: values.contains(nil)) { value in
        if let value { appendElement(value) } else { append(Int32(-1)) }
      }
    case .texts(let values): appendArray(of: TypeIdentifier.text, values, appendElement)
    case .optionalTexts(let values):
      appendArray(of: TypeIdentifier.text, values, hasNulls: values.contains(nil)) { value in
        if let value { appendElement(value) } else { append(Int32(-1)) }
      }
    case .byteStrings(let values):
      appendArray(of: TypeIdentifier.bytes, values) { element in
        append(Int32(element.count))
        element.withUnsafeBytes(append)
      }
    case .uuids(let bytes): appendUUIDs(bytes)
    }
    return true
  }

  private func appendArray<Element>(
    of type: UInt32, _ values: [Element], hasNulls: Bool = false,
    _ appendElement: (Element) -> Void
  ) {
    appendArrayHeader(of: type, count: values.count, hasNulls: hasNulls)
    for value in values { appendElement(value) }
  }

  private func appendArrayHeader(of type: UInt32, count: Int, hasNulls: Bool) {
    append(Int32(count == 0 ? 0 : 1))
    append(Int32(hasNulls ? 1 : 0))
    append(type)
    guard count > 0 else { return }
    append(Int32(count))
    append(Int32(1))
  }

  private func appendUUIDs(_ bytes: [UInt8]) {
    precondition(bytes.count.isMultiple(of: 16), "a uuid has 16 bytes")
    let elements = bytes.count / 16
    appendArrayHeader(of: TypeIdentifier.uuid, count: elements, hasNulls: false)
    reserve(elements * 20)
    bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      for element in 0..<elements {
        (block + count).storeBytes(of: Int32(16).bigEndian, as: Int32.self)
        (block + count + 4).copyMemory(from: start + 16 * element, byteCount: 16)
        count += 20
      }
    }
  }

  private func appendElement(_ value: some FixedWidthInteger) {
    append(Int32(value.bitWidth / 8))
    append(value)
  }

  private func appendElement(_ text: String) {
    append(Int32(text.utf8.count))
    append(text)
  }

  private func append<Integer: FixedWidthInteger>(_ value: Integer) {
    let size = MemoryLayout<Integer>.size
    reserve(size)
    (block + count).storeBytes(of: value.bigEndian, as: Integer.self)
    count += size
  }

  private func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  private func append(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    (block + count).copyMemory(from: start, byteCount: bytes.count)
    count += bytes.count
  }

  private func reserve(_ additional: Int) {
    guard count + additional > capacity else { return }
    let larger = max(2 * capacity, count + additional)
    let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
    moved.copyMemory(from: block, byteCount: count)
    block.deallocate()
    block = moved
    capacity = larger
  }

  /// No less than what the value takes.
  private static func estimatedBytes(_ value: PostgreSQLValue) -> Int {
    let header = 20
    switch value {
    case .null, .bool, .int16, .int32, .int64, .double, .uuid: return header
    case .text(let text): return text.utf8.count
    case .bytes(let bytes): return bytes.count
    case .bools(let values): return header + 5 * values.count
    case .int32s(let values): return header + 8 * values.count
    case .int64s(let values): return header + 12 * values.count
    case .optionalInt64s(let values): return header + 12 * values.count
    case .texts(let values): return values.reduce(header) { $0 + 4 + $1.utf8.count }
    case .optionalTexts(let values):
      return values.reduce(header) { $0 + 4 + ($1?.utf8.count ?? 0) }
    case .byteStrings(let values): return values.reduce(header) { $0 + 4 + $1.count }
    case .uuids(let bytes): return header + bytes.count / 16 * 20
    }
  }
}

extension PostgreSQLValue {
  var typeIdentifier: UInt32 {
    switch self {
    case .null: TypeIdentifier.unspecified
    case .bool: TypeIdentifier.bool
    case .int16: TypeIdentifier.int16
    case .int32: TypeIdentifier.int32
    case .int64: TypeIdentifier.int64
    case .double: TypeIdentifier.double
    case .text: TypeIdentifier.text
    case .bytes: TypeIdentifier.bytes
    case .uuid: TypeIdentifier.uuid
    case .bools: TypeIdentifier.boolArray
    case .int32s: TypeIdentifier.int32Array
    case .int64s, .optionalInt64s: TypeIdentifier.int64Array
    case .texts, .optionalTexts: TypeIdentifier.textArray
    case .byteStrings: TypeIdentifier.bytesArray
    case .uuids: TypeIdentifier.uuidArray
    }
  }
}

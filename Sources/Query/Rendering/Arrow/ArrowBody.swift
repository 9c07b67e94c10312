import DuckDB

/// The buffers of one record batch: where they lie now, and where they will stand in its body.
struct ArrowBody {
  /// Arrow asks for 8 at least.
  private static let alignment = 8

  /// Length and number of NULLs of each array, parents first.
  private(set) var nodes: [(Int64, Int64)] = []
  /// Position in the body and length of each buffer.
  private(set) var places: [(Int64, Int64)] = []
  private(set) var buffers: [UnsafeRawBufferPointer] = []
  private(set) var byteCount = 0

  /// Takes the first values of an array, all of its parts with it.
  mutating func add(
    _ array: DuckDBArrowArray, _ column: ArrowColumn, count: Int
  ) throws(DuckDBError) {
    guard array.offset == 0, array.length >= count else {
      throw DuckDBError(kind: .internal, message: "an array does not begin at its first value")
    }
    switch column.type.layout {
    case .null:
      nodes.append((Int64(count), Int64(count)))
    case .bits:
      addNode(array, count)
      addBuffer(array.buffer(1), (count + 7) / 8)
    case .fixed(let bytes):
      addNode(array, count)
      addBuffer(array.buffer(1), count * bytes)
    case .variable(let offsetBytes):
      addNode(array, count)
      addBuffer(array.buffer(1), count == 0 ? 0 : (count + 1) * offsetBytes)
      addBuffer(array.buffer(2), Self.end(of: array, count, offsetBytes))
    case .list(let offsetBytes):
      addNode(array, count)
      addBuffer(array.buffer(1), count == 0 ? 0 : (count + 1) * offsetBytes)
      try add(array.child(0), column.children[0], count: Self.end(of: array, count, offsetBytes))
    case .fixedList(let size):
      addNode(array, count)
      try add(array.child(0), column.children[0], count: count * size)
    case .structure:
      addNode(array, count)
      try addChildren(of: array, column, count)
    case .sparseUnion:
      nodes.append((Int64(count), 0))
      addBuffer(array.buffer(0), count)
      try addChildren(of: array, column, count)
    }
  }

  private mutating func addChildren(
    of array: DuckDBArrowArray, _ column: ArrowColumn, _ count: Int
  ) throws(DuckDBError) {
    for (index, child) in column.children.enumerated() {
      try add(array.child(index), child, count: count)
    }
  }

  /// The node and the validity, which is left out where nothing is NULL.
  private mutating func addNode(_ array: DuckDBArrowArray, _ count: Int) {
    let validity = array.buffer(0)
    let nulls = validity.map { count - Self.countOnes($0, count) } ?? 0
    nodes.append((Int64(count), Int64(nulls)))
    addBuffer(validity, nulls == 0 ? 0 : (count + 7) / 8)
  }

  private mutating func addBuffer(_ start: UnsafeRawPointer?, _ length: Int) {
    let length = start == nil ? 0 : length
    places.append((Int64(byteCount), Int64(length)))
    buffers.append(UnsafeRawBufferPointer(start: start, count: length))
    byteCount += Self.padded(length)
  }

  static func padded(_ length: Int) -> Int {
    (length + alignment - 1) / alignment * alignment
  }

  /// Where the last value ends in what the offsets point into.
  private static func end(of array: DuckDBArrowArray, _ count: Int, _ offsetBytes: Int) -> Int {
    guard count > 0, let offsets = array.buffer(1) else { return 0 }
    let place = count * offsetBytes
    return offsetBytes == 4
      ? Int(offsets.loadUnaligned(fromByteOffset: place, as: Int32.self))
      : Int(offsets.loadUnaligned(fromByteOffset: place, as: Int64.self))
  }

  private static func countOnes(_ bits: UnsafeRawPointer, _ count: Int) -> Int {
    var ones = 0
    for byte in 0..<(count / 8) {
      ones += bits.load(fromByteOffset: byte, as: UInt8.self).nonzeroBitCount
    }
    if count % 8 > 0 {
      let last = bits.load(fromByteOffset: count / 8, as: UInt8.self)
      ones += (last & ((1 << UInt8(count % 8)) - 1)).nonzeroBitCount
    }
    return ones
  }
}

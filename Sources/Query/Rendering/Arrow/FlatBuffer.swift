/// Writes one FlatBuffers message, parents before children.
///
/// Only what Arrow's metadata needs. The format: https://flatbuffers.dev/internals/ — offsets are
/// counted from where they stand, scalars are little-endian and aligned to their size from the
/// start of the message, which the caller places at a multiple of eight.
struct FlatBuffer {
  indirect enum Value: Sendable {
    case bool(Bool)
    case byte(UInt8)
    case short(Int16)
    case int(Int32)
    case long(Int64)
    case text(String)
    case table([Field])
    case tables([[Field]])
    case ints([Int32])
    /// Structures of pairs of 64-bit numbers.
    case pairs([(Int64, Int64)])
  }

  struct Field: Sendable {
    /// The field's position in the schema of its table.
    let slot: Int
    let value: Value

    init(_ slot: Int, _ value: Value) {
      self.slot = slot
      self.value = value
    }
  }

  private(set) var bytes: [UInt8] = []

  /// The message whose root is the table.
  init(_ root: [Field]) {
    put(UInt32(0))
    patch(at: 0, to: putTable(root))
  }

  private mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private mutating func align(_ alignment: Int, after header: Int = 0) {
    while (bytes.count + header) % alignment != 0 { bytes.append(0) }
  }

  /// Makes the offset at `place` lead to `target`.
  private mutating func patch(at place: Int, to target: Int) {
    set(UInt32(target - place), at: place)
  }

  private mutating func set<Number: FixedWidthInteger>(_ number: Number, at place: Int) {
    withUnsafeBytes(of: number.littleEndian) { source in
      bytes.replaceSubrange(place..<(place + source.count), with: source)
    }
  }

  /// - Returns: where the table begins.
  private mutating func putTable(_ fields: [Field]) -> Int {
    // The widest first, behind the four bytes that lead to the table of slots.
    let ordered = fields.sorted { $0.value.inlineBytes > $1.value.inlineBytes }
    let slotCount = (fields.map(\.slot).max() ?? -1) + 1
    var slots = [UInt16](repeating: 0, count: slotCount)
    var size = 4
    for field in ordered {
      let width = field.value.inlineBytes
      size = (size + width - 1) / width * width
      slots[field.slot] = UInt16(size)
      size += width
    }
    let slotTableBytes = 4 + 2 * slotCount
    align(8, after: slotTableBytes)
    let slotTable = bytes.count
    put(UInt16(slotTableBytes))
    put(UInt16(size))
    for slot in slots { put(slot) }
    let table = bytes.count
    put(Int32(table - slotTable))
    bytes.append(contentsOf: repeatElement(0, count: size - 4))
    for field in ordered {
      putInline(field.value, at: table + Int(slots[field.slot]))
    }
    return table
  }

  private mutating func putInline(_ value: Value, at place: Int) {
    switch value {
    case .bool(let value): set(UInt8(value ? 1 : 0), at: place)
    case .byte(let value): set(value, at: place)
    case .short(let value): set(value, at: place)
    case .int(let value): set(value, at: place)
    case .long(let value): set(value, at: place)
    case .text(let text): patch(at: place, to: putText(text))
    case .table(let fields): patch(at: place, to: putTable(fields))
    case .tables(let tables): patch(at: place, to: putTables(tables))
    case .ints(let numbers):
      align(4)
      patch(at: place, to: bytes.count)
      put(UInt32(numbers.count))
      for number in numbers { put(number) }
    case .pairs(let pairs):
      // The elements are aligned, not the count before them.
      align(8, after: 4)
      patch(at: place, to: bytes.count)
      put(UInt32(pairs.count))
      for (first, second) in pairs {
        put(first)
        put(second)
      }
    }
  }

  private mutating func putText(_ text: String) -> Int {
    align(4)
    let start = bytes.count
    put(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
    return start
  }

  private mutating func putTables(_ tables: [[Field]]) -> Int {
    align(4)
    let start = bytes.count
    put(UInt32(tables.count))
    bytes.append(contentsOf: repeatElement(0, count: 4 * tables.count))
    for (index, fields) in tables.enumerated() {
      patch(at: start + 4 + 4 * index, to: putTable(fields))
    }
    return start
  }
}

extension FlatBuffer.Value {
  /// Bytes in the table itself, which is also the alignment; an offset has four.
  fileprivate var inlineBytes: Int {
    switch self {
    case .bool, .byte: 1
    case .short: 2
    case .int, .text, .table, .tables, .ints, .pairs: 4
    case .long: 8
    }
  }
}

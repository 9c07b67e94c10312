import DuckDB

/// The columns of one record batch, with every offset and index checked: the engine believes them.
///
/// They point into the message's body, which the caller keeps.
struct ArrowBatch {
  let length: Int
  let columns: [DuckDBArrowColumn]

  /// - Parameter dictionaries: the entries of each dictionary that was read so far.
  init(
    _ table: FlatTable, body: UnsafeRawBufferPointer, fields: [ArrowField],
    dictionaries: [Int64: DuckDBArrowColumn]
  ) throws(ArrowStreamError) {
    guard try table.table(3) == nil else {
      throw .unsupported("compression inside the stream (use Content-Encoding)")
    }
    let length = Int(try table.number(0, as: Int64.self))
    guard length >= 0, length <= Int(Int32.max) else { throw .malformed }
    var cursor = Cursor(
      nodes: try table.pairs(1), buffers: try table.pairs(2), body: body,
      dictionaries: dictionaries)
    var columns: [DuckDBArrowColumn] = []
    for field in fields {
      let column = try cursor.column(field)
      guard column.length == length else { throw .malformed }
      columns.append(column)
    }
    self.length = length
    self.columns = columns
  }

  private struct Cursor {
    let nodes: [(Int64, Int64)]
    let buffers: [(Int64, Int64)]
    let body: UnsafeRawBufferPointer
    let dictionaries: [Int64: DuckDBArrowColumn]
    var node = 0
    var buffer = 0

    mutating func column(_ field: ArrowField) throws(ArrowStreamError) -> DuckDBArrowColumn {
      guard node < nodes.count else { throw .malformed }
      let (lengthField, nullField) = nodes[node]
      node += 1
      guard lengthField >= 0, lengthField <= Int64(Int32.max), nullField >= 0,
        nullField <= lengthField
      else { throw .malformed }
      let length = Int(lengthField)
      if case .null = field.layout {
        return DuckDBArrowColumn(length: length, nullCount: length, buffers: [])
      }
      let validity = try validity(length: length, nullCount: Int(nullField))
      var column = DuckDBArrowColumn(
        length: length, nullCount: Int(nullField), buffers: [validity?.baseAddress])
      switch field.layout {
      case .null: break
      case .bits: column.buffers.append(try next(atLeast: (length + 7) / 8).baseAddress)
      case .fixed(let byteCount):
        let values = try next(atLeast: length * byteCount)
        column.buffers.append(values.baseAddress)
        if let id = field.dictionaryID {
          guard let entries = dictionaries[id] else { throw .malformed }
          try check(indices: values, byteCount: byteCount, length, validity, in: entries.length)
          column.dictionary = [entries]
        }
      case .bytes(let offsetBytes, let isText):
        let offsets = try next(atLeast: (length + 1) * offsetBytes, orEmpty: length == 0)
        let bytes = try next(atLeast: 0)
        try check(offsets, offsetBytes, length, within: bytes.count)
        if isText { try checkText(bytes, offsets, offsetBytes, length) }
        column.buffers += [
          offsets.isEmpty ? Self.zeroes : offsets.baseAddress, bytes.baseAddress ?? Self.zeroes,
        ]
      case .list(let offsetBytes):
        let offsets = try next(atLeast: (length + 1) * offsetBytes, orEmpty: length == 0)
        column.buffers.append(offsets.isEmpty ? Self.zeroes : offsets.baseAddress)
        let child = try self.column(field.children[0])
        try check(offsets, offsetBytes, length, within: child.length)
        column.children = [child]
      case .fixedList(let count):
        let child = try self.column(field.children[0])
        guard child.length >= length * count else { throw .malformed }
        column.children = [child]
      case .structure:
        for child in field.children {
          let member = try self.column(child)
          guard member.length >= length else { throw .malformed }
          column.children.append(member)
        }
      }
      return column
    }

    // nonisolated(unsafe): written once, here, and only read from then on.
    private nonisolated(unsafe) static let zeroes: UnsafeRawPointer = {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
      return UnsafeRawPointer(memory)
    }()

    private mutating func next(
      atLeast byteCount: Int, orEmpty mayBeEmpty: Bool = false
    ) throws(ArrowStreamError) -> UnsafeRawBufferPointer {
      guard buffer < buffers.count else { throw .malformed }
      let (offset, length) = buffers[buffer]
      buffer += 1
      guard offset >= 0, length >= 0, offset <= Int64(body.count),
        length <= Int64(body.count) - offset, offset % 8 == 0
      else { throw .malformed }
      if length == 0, mayBeEmpty { return UnsafeRawBufferPointer(start: nil, count: 0) }
      guard length >= Int64(byteCount) else { throw .malformed }
      return UnsafeRawBufferPointer(rebasing: body[Int(offset)..<Int(offset + length)])
    }

    private mutating func validity(
      length: Int, nullCount: Int
    ) throws(ArrowStreamError) -> UnsafeRawBufferPointer? {
      let bits = try next(atLeast: 0)
      guard nullCount > 0 else { return nil }
      guard bits.count >= (length + 7) / 8 else { throw .malformed }
      return bits
    }

    private func check(
      _ offsets: UnsafeRawBufferPointer, _ offsetBytes: Int, _ length: Int, within end: Int
    ) throws(ArrowStreamError) {
      guard !offsets.isEmpty else { return }
      var previous: Int64 = 0
      for index in 0...length {
        let offset = Self.offset(offsets, offsetBytes, index)
        guard offset >= previous, offset <= Int64(end) else { throw .malformed }
        previous = offset
      }
    }

    private static func offset(
      _ offsets: UnsafeRawBufferPointer, _ offsetBytes: Int, _ index: Int
    ) -> Int64 {
      offsetBytes == 4
        ? Int64(offsets.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
        : offsets.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self)
    }

    /// The engine takes the bytes as UTF-8 unseen.
    private func checkText(
      _ bytes: UnsafeRawBufferPointer, _ offsets: UnsafeRawBufferPointer, _ offsetBytes: Int,
      _ length: Int
    ) throws(ArrowStreamError) {
      guard length > 0, !offsets.isEmpty else { return }
      let first = Int(Self.offset(offsets, offsetBytes, 0))
      let last = Int(Self.offset(offsets, offsetBytes, length))
      let text = UnsafeRawBufferPointer(rebasing: bytes[first..<last])
      guard text.allSatisfy({ $0 < 0x80 }) || String(validating: text, as: UTF8.self) != nil else {
        throw .unsupported("a text that is not UTF-8")
      }
      for index in 0..<length {
        let start = Int(Self.offset(offsets, offsetBytes, index))
        // No text begins in the middle of a character.
        guard start == last || bytes[start] & 0b1100_0000 != 0b1000_0000 else {
          throw .unsupported("a text that is not UTF-8")
        }
      }
    }

    private func check(
      indices: UnsafeRawBufferPointer, byteCount: Int, _ length: Int,
      _ validity: UnsafeRawBufferPointer?, in count: Int
    ) throws(ArrowStreamError) {
      for index in 0..<length {
        if let validity, validity[index / 8] & (1 << UInt8(index % 8)) == 0 { continue }
        var value: UInt64 = 0
        for byte in 0..<byteCount {
          value |= UInt64(indices[index * byteCount + byte]) << UInt64(8 * byte)
        }
        // Negative numbers are far above every count.
        guard value < UInt64(count) else { throw .malformed }
      }
    }
  }
}

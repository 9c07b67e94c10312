extension PostgreSQLRows {
  package func bools(_ row: Int, _ column: Int) -> [Bool] {
    elements(row, column, [TypeIdentifier.boolArray]) { ($0?[0] ?? 0) != 0 }
  }

  package func int32s(_ row: Int, _ column: Int) -> [Int32] {
    elements(row, column, [TypeIdentifier.int32Array]) { $0?.bigEndian(Int32.self) ?? 0 }
  }

  package func int64s(_ row: Int, _ column: Int) -> [Int64] {
    elements(row, column, [TypeIdentifier.int64Array]) { $0?.bigEndian(Int64.self) ?? 0 }
  }

  package func optionalInt64s(_ row: Int, _ column: Int) -> [Int64?] {
    elements(row, column, [TypeIdentifier.int64Array]) { $0?.bigEndian(Int64.self) }
  }

  package func texts(_ row: Int, _ column: Int) -> [String] {
    optionalTexts(row, column).map { $0 ?? "" }
  }

  package func optionalTexts(_ row: Int, _ column: Int) -> [String?] {
    elements(row, column, [TypeIdentifier.textArray, TypeIdentifier.varcharArray]) {
      $0.map { String(decoding: $0, as: UTF8.self) }
    }
  }

  package func byteStrings(_ row: Int, _ column: Int) -> [[UInt8]] {
    elements(row, column, [TypeIdentifier.bytesArray]) { $0.map { [UInt8]($0) } ?? [] }
  }

  /// 16 bytes for each `uuid`, end to end.
  package func uuids(_ row: Int, _ column: Int) -> [UInt8] {
    var all: [UInt8] = []
    _ = elements(row, column, [TypeIdentifier.uuidArray]) { element in
      if let element { all.append(contentsOf: element) }
    }
    return all
  }

  /// Reads an array of any shape as a list: dimensions, whether there are NULLs, the element's
  /// type, length and lower bound of each dimension, then each element behind its length
  /// (`array_send` in PostgreSQL's arrayfuncs.c). An array that is NULL has no elements.
  private func elements<Element>(
    _ row: Int, _ column: Int, _ types: [UInt32],
    _ read: (UnsafeRawBufferPointer?) -> Element
  ) -> [Element] {
    let found = withCell(row, column, types) { bytes, _ in
      let dimensions = Int(bytes.bigEndian(Int32.self))
      guard dimensions > 0 else { return [Element]() }
      var count = 1
      for dimension in 0..<dimensions {
        count *= Int(bytes.bigEndian(Int32.self, at: 12 + 8 * dimension))
      }
      var list: [Element] = []
      list.reserveCapacity(count)
      var offset = 12 + 8 * dimensions
      for _ in 0..<count {
        let length = Int(bytes.bigEndian(Int32.self, at: offset))
        offset += 4
        if length < 0 {
          list.append(read(nil))
        } else {
          list.append(read(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])))
          offset += length
        }
      }
      return list
    }
    return found ?? []
  }
}

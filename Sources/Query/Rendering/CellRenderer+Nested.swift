import DuckDB

extension CellRenderer {
  func appendNested(_ row: Int, to buffer: inout OutputBuffer) throws(DuckDBError) {
    switch kind {
    case .list: try appendElements(listEntry(row), to: &buffer)
    case .array: try appendElements(row * arraySize..<(row + 1) * arraySize, to: &buffer)
    case .object: try appendObject(row, to: &buffer)
    case .tuple: try appendTuple(row, to: &buffer)
    case .map: try appendPairs(listEntry(row), to: &buffer)
    case .mapWithTextKeys: try appendMapObject(listEntry(row), to: &buffer)
    case .union: try appendUnion(row, to: &buffer)
    default: preconditionFailure("\(kind) is not nested")
    }
  }

  private func appendElements(
    _ range: Range<Int>, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "["))
    for index in range {
      if index > range.lowerBound { buffer.append(byte: UInt8(ascii: ",")) }
      try children[0].appendJSON(index, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "]"))
  }

  private func appendObject(
    _ row: Int, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "{"))
    for index in children.indices {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      names[index].withUnsafeBytes { buffer.append(contentsOf: $0) }
      try children[index].appendJSON(row, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "}"))
  }

  private func appendTuple(
    _ row: Int, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "["))
    for index in children.indices {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      try children[index].appendJSON(row, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "]"))
  }

  private func appendMapObject(
    _ range: Range<Int>, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "{"))
    for index in range {
      if index > range.lowerBound { buffer.append(byte: UInt8(ascii: ",")) }
      try children[0].appendJSON(index, to: &buffer)
      buffer.append(byte: UInt8(ascii: ":"))
      try children[1].appendJSON(index, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "}"))
  }

  private func appendPairs(
    _ range: Range<Int>, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "["))
    for index in range {
      if index > range.lowerBound { buffer.append(byte: UInt8(ascii: ",")) }
      buffer.append("{\"key\":")
      try children[0].appendJSON(index, to: &buffer)
      buffer.append(",\"value\":")
      try children[1].appendJSON(index, to: &buffer)
      buffer.append(byte: UInt8(ascii: "}"))
    }
    buffer.append(byte: UInt8(ascii: "]"))
  }

  private func appendUnion(
    _ row: Int, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    guard let tags else { preconditionFailure("no union is loaded") }
    let member = Int(tags.load(fromByteOffset: row, as: UInt8.self))
    buffer.append(byte: UInt8(ascii: "{"))
    names[member].withUnsafeBytes { buffer.append(contentsOf: $0) }
    try children[member].appendJSON(row, to: &buffer)
    buffer.append(byte: UInt8(ascii: "}"))
  }
}

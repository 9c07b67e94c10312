/// Reads VARIANT values.
///
/// DuckDB stores a VARIANT as a struct of `keys VARCHAR[]`, `children STRUCT(keys_index UINTEGER,
/// values_index UINTEGER)[]`, `values STRUCT(type_id UTINYINT, byte_offset UINTEGER)[]` and
/// `data BLOB`: the value with index 0 is the root, its payload stands in `data` at its offset,
/// and objects and arrays name a run of `children`. All indexes count from the row's own entries.
struct DuckDBVariantReader {
  /// The deepest nesting that is read.
  static let depthLimit = 256

  private let variant: DuckDBVector
  private let keyLists, childLists, valueLists, payloads: DuckDBVector
  private let keys, childKeys, childValues, valueTypes, valueOffsets: DuckDBVector

  init(_ variant: DuckDBVector) {
    self.variant = variant
    keyLists = variant.structChild(0, .list(.varchar))
    childLists = variant.structChild(1, .list(.struct([])))
    valueLists = variant.structChild(2, .list(.struct([])))
    payloads = variant.structChild(3, .blob)
    keys = keyLists.listChild(.varchar)
    let children = childLists.listChild(.struct([]))
    childKeys = children.structChild(0, .uinteger)
    childValues = children.structChild(1, .uinteger)
    let values = valueLists.listChild(.struct([]))
    valueTypes = values.structChild(0, .utinyint)
    valueOffsets = values.structChild(1, .uinteger)
  }

  /// - Throws: `.dataCorruption` when an index or an offset leads out of the row's data.
  func readValue(at row: Int) throws(DuckDBError) -> DuckDBValue {
    if variant.isNull(row) { return .null }
    return try payloads.withBytes(row) { (payload) throws(DuckDBError) in
      try readValue(0, of: row, payload, depth: 0)
    }
  }

  private func readValue(
    _ index: Int, of row: Int, _ payload: UnsafeRawBufferPointer, depth: Int
  ) throws(DuckDBError) -> DuckDBValue {
    guard depth < Self.depthLimit else {
      throw DuckDBError(kind: .outOfRange, message: "a VARIANT is nested too deeply")
    }
    let position = try place(of: index, in: valueLists.range(ofList: row))
    let kind = valueTypes.element(position, as: UInt8.self)
    var bytes = PayloadBytes(payload, from: Int(valueOffsets.element(position, as: UInt32.self)))
    switch kind {
    case 29, 30:
      let count = Int(try bytes.variableLengthInteger())
      let first = count == 0 ? 0 : Int(try bytes.variableLengthInteger())
      let run = first..<first + count
      return kind == 29
        ? try readObject(run, of: row, payload, depth: depth)
        : try readArray(run, of: row, payload, depth: depth)
    default: return try Self.readScalar(kind, &bytes)
    }
  }

  private func readArray(
    _ run: Range<Int>, of row: Int, _ payload: UnsafeRawBufferPointer, depth: Int
  ) throws(DuckDBError) -> DuckDBValue {
    let children = childLists.range(ofList: row)
    var elements: [DuckDBValue] = []
    for child in run {
      let value = Int(childValues.element(try place(of: child, in: children), as: UInt32.self))
      elements.append(try readValue(value, of: row, payload, depth: depth + 1))
    }
    return .list(elements)
  }

  private func readObject(
    _ run: Range<Int>, of row: Int, _ payload: UnsafeRawBufferPointer, depth: Int
  ) throws(DuckDBError) -> DuckDBValue {
    let children = childLists.range(ofList: row)
    let names = keyLists.range(ofList: row)
    var fields: [DuckDBValue.Field] = []
    for child in run {
      let position = try place(of: child, in: children)
      let key = try place(of: Int(childKeys.element(position, as: UInt32.self)), in: names)
      let name = keys.withBytes(key) { String(decoding: $0, as: UTF8.self) }
      let value = Int(childValues.element(position, as: UInt32.self))
      fields.append(
        DuckDBValue.Field(name, try readValue(value, of: row, payload, depth: depth + 1)))
    }
    return .struct(fields)
  }

  private func place(of index: Int, in range: Range<Int>) throws(DuckDBError) -> Int {
    guard index < range.count else { throw PayloadBytes.corrupt }
    return range.lowerBound + index
  }

  /// The numbers are DuckDB's `VariantLogicalType`.
  private static func readScalar(
    _ kind: UInt8, _ bytes: inout PayloadBytes
  ) throws(DuckDBError) -> DuckDBValue {
    switch kind {
    case 0: return .null
    case 1: return .bool(true)
    case 2: return .bool(false)
    case 3: return .int64(Int64(try bytes.number(Int8.self)))
    case 4: return .int64(Int64(try bytes.number(Int16.self)))
    case 5: return .int64(Int64(try bytes.number(Int32.self)))
    case 6: return .int64(try bytes.number())
    case 7: return .hugeint(try bytes.number())
    case 8: return .uint64(UInt64(try bytes.number(UInt8.self)))
    case 9: return .uint64(UInt64(try bytes.number(UInt16.self)))
    case 10: return .uint64(UInt64(try bytes.number(UInt32.self)))
    case 11: return .uint64(try bytes.number())
    case 12: return .uhugeint(try bytes.number())
    case 13: return .float(try bytes.number())
    case 14: return .double(try bytes.number())
    case 15: return try readDecimal(&bytes)
    case 16: return .string(String(decoding: try bytes.run(), as: UTF8.self))
    case 17, 33: return .blob([UInt8](try bytes.run()))
    case 18: return .uuid(UInt128(bitPattern: try bytes.number(Int128.self)) ^ (1 << 127))
    case 31: return .bignum(DuckDBPackedBytes.decimalDigits(try bytes.run()))
    case 32: return .bit(DuckDBPackedBytes.bitString(try bytes.run()))
    default: return try readTime(kind, &bytes)
    }
  }

  private static func readTime(
    _ kind: UInt8, _ bytes: inout PayloadBytes
  ) throws(DuckDBError) -> DuckDBValue {
    switch kind {
    case 19: return .date(days: try bytes.number())
    case 20: return .time(microseconds: try bytes.number())
    case 21: return .timeNanoseconds(try bytes.number())
    case 22:
      return .timestamp(microseconds: DuckDBVector.scaled(try bytes.number(), by: 1_000_000))
    case 23: return .timestamp(microseconds: DuckDBVector.scaled(try bytes.number(), by: 1_000))
    case 24: return .timestamp(microseconds: try bytes.number())
    case 25: return .timestampNanoseconds(try bytes.number())
    case 26: return DuckDBPackedBytes.timeWithTimeZone(try bytes.number())
    case 27: return .timestampWithTimeZone(microseconds: try bytes.number())
    case 28:
      return .interval(
        months: try bytes.number(), days: try bytes.number(), microseconds: try bytes.number())
    case 34: return .timestampWithTimeZoneNanoseconds(try bytes.number())
    default:
      throw DuckDBError(kind: .notImplemented, message: "a VARIANT holds the unknown type \(kind)")
    }
  }

  private static func readDecimal(_ bytes: inout PayloadBytes) throws(DuckDBError) -> DuckDBValue {
    let width = Int(try bytes.variableLengthInteger())
    let scale = Int(try bytes.variableLengthInteger())
    let unscaled: Int128 =
      switch width {
      case ...4: Int128(try bytes.number(Int16.self))
      case ...9: Int128(try bytes.number(Int32.self))
      case ...18: Int128(try bytes.number(Int64.self))
      default: try bytes.number()
      }
    return .decimal(unscaled: unscaled, width: width, scale: scale)
  }
}

/// A checked cursor over the payload of one VARIANT.
private struct PayloadBytes {
  static let corrupt = DuckDBError(
    kind: .dataCorruption, message: "the parts of a VARIANT contradict each other")

  private let bytes: UnsafeRawBufferPointer
  private var position: Int

  init(_ bytes: UnsafeRawBufferPointer, from offset: Int) {
    self.bytes = bytes
    position = offset
  }

  mutating func number<Number: BitwiseCopyable>(
    _ type: Number.Type = Number.self
  ) throws(DuckDBError) -> Number {
    let size = MemoryLayout<Number>.size
    guard position + size <= bytes.count else { throw Self.corrupt }
    defer { position += size }
    return bytes.loadUnaligned(fromByteOffset: position, as: type)
  }

  mutating func variableLengthInteger() throws(DuckDBError) -> UInt32 {
    var result: UInt32 = 0
    for shift in stride(from: UInt32(0), to: 35, by: 7) {
      let byte = try number(UInt8.self)
      result |= UInt32(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return result }
    }
    throw Self.corrupt
  }

  /// Bytes that stand after their length.
  mutating func run() throws(DuckDBError) -> UnsafeRawBufferPointer {
    let length = Int(try variableLengthInteger())
    guard position + length <= bytes.count else { throw Self.corrupt }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
  }
}

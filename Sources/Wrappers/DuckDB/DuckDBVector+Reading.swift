extension DuckDBVector {
  /// One element as a value.
  ///
  /// - Throws: `.notImplemented` for a type this wrapper does not know, `.dataCorruption` for a
  ///   VARIANT whose parts contradict each other.
  package func readValue(at row: Int) throws(DuckDBError) -> DuckDBValue {
    if isNull(row) { return .null }
    switch type {
    case .boolean: return .bool(element(row, as: UInt8.self) != 0)
    case .tinyint: return .int64(Int64(element(row, as: Int8.self)))
    case .smallint: return .int64(Int64(element(row, as: Int16.self)))
    case .integer: return .int64(Int64(element(row, as: Int32.self)))
    case .bigint: return .int64(element(row))
    case .utinyint: return .uint64(UInt64(element(row, as: UInt8.self)))
    case .usmallint: return .uint64(UInt64(element(row, as: UInt16.self)))
    case .uinteger: return .uint64(UInt64(element(row, as: UInt32.self)))
    case .ubigint: return .uint64(element(row))
    case .hugeint: return .hugeint(element(row))
    case .uhugeint: return .uhugeint(element(row))
    case .float: return .float(element(row))
    case .double: return .double(element(row))
    case .decimal(let width, let scale):
      return .decimal(unscaled: unscaledDecimal(row, width: width), width: width, scale: scale)
    case .varchar, .json:
      return .string(withBytes(row) { String(decoding: $0, as: UTF8.self) })
    case .blob, .geometry: return .blob(withBytes(row) { [UInt8]($0) })
    case .uuid: return .uuid(UInt128(bitPattern: element(row, as: Int128.self)) ^ (1 << 127))
    case .enum(let labels): return .string(labels[enumPosition(row, labelCount: labels.count)])
    case .bit: return .bit(withBytes(row, DuckDBPackedBytes.bitString))
    case .bignum: return .bignum(withBytes(row, DuckDBPackedBytes.decimalDigits))
    case .date, .time, .timeNanoseconds, .timeWithTimeZone, .timestamp, .timestampSeconds,
      .timestampMilliseconds,
      .timestampNanoseconds, .timestampWithTimeZone, .timestampWithTimeZoneNanoseconds, .interval:
      return readTime(at: row)
    case .list, .array, .struct, .tuple, .map, .union: return try readNested(at: row)
    case .variant: return try DuckDBVariantReader(self).readValue(at: row)
    case .null: return .null
    case .unknown:
      throw DuckDBError(
        kind: .notImplemented, message: "a value of type \(type) cannot be read")
    }
  }

  /// The integer behind a DECIMAL, whose physical type follows from its width.
  package func unscaledDecimal(_ row: Int, width: Int) -> Int128 {
    switch width {
    case ...4: Int128(element(row, as: Int16.self))
    case ...9: Int128(element(row, as: Int32.self))
    case ...18: Int128(element(row, as: Int64.self))
    default: element(row)
    }
  }

  /// The label's position behind an ENUM, whose physical type follows from the number of labels.
  package func enumPosition(_ row: Int, labelCount: Int) -> Int {
    switch labelCount {
    case ...0xFF: Int(element(row, as: UInt8.self))
    case ...0xFFFF: Int(element(row, as: UInt16.self))
    default: Int(element(row, as: UInt32.self))
    }
  }

  private func readTime(at row: Int) -> DuckDBValue {
    switch type {
    case .date: .date(days: element(row))
    case .time: .time(microseconds: element(row))
    case .timeNanoseconds: .timeNanoseconds(element(row))
    case .timeWithTimeZone: DuckDBPackedBytes.timeWithTimeZone(element(row))
    case .timestampSeconds: .timestamp(microseconds: Self.scaled(element(row), by: 1_000_000))
    case .timestampMilliseconds: .timestamp(microseconds: Self.scaled(element(row), by: 1_000))
    case .timestampNanoseconds: .timestampNanoseconds(element(row))
    case .timestampWithTimeZone: .timestampWithTimeZone(microseconds: element(row))
    case .timestampWithTimeZoneNanoseconds: .timestampWithTimeZoneNanoseconds(element(row))
    case .interval:
      .interval(
        months: element(row * 4, in: Int32.self), days: element(row * 4 + 1, in: Int32.self),
        microseconds: element(row * 2 + 1, in: Int64.self))
    default: .timestamp(microseconds: element(row))
    }
  }

  /// Infinity stays infinity, and what no longer fits becomes it.
  static func scaled(_ value: Int64, by factor: Int64) -> Int64 {
    if value == .max || value == -.max { return value }
    let (product, overflow) = value.multipliedReportingOverflow(by: factor)
    return overflow ? (value < 0 ? -.max : .max) : product
  }

  /// A part of an element larger than one number; `index` counts parts from the vector's start.
  private func element<Part: BitwiseCopyable>(_ index: Int, in part: Part.Type) -> Part {
    let stride = MemoryLayout<Part>.stride
    precondition(index >= 0 && index * stride < count * 16)
    guard let data else { preconditionFailure("a struct vector has no elements") }
    return data.load(fromByteOffset: index * stride, as: part)
  }

  private func readNested(at row: Int) throws(DuckDBError) -> DuckDBValue {
    switch type {
    case .list(let elementType):
      return .list(try listChild(elementType).readValues(in: range(ofList: row)))
    case .array(let elementType, let size):
      let child = arrayChild(elementType, size: size)
      return .list(try child.readValues(in: row * size..<(row + 1) * size))
    case .struct(let fields):
      var values: [DuckDBValue.Field] = []
      for (index, field) in fields.enumerated() {
        let value = try structChild(index, field.type).readValue(at: row)
        values.append(DuckDBValue.Field(field.name, value))
      }
      return .struct(values)
    case .tuple(let types):
      var values: [DuckDBValue] = []
      for (index, type) in types.enumerated() {
        values.append(try structChild(index, type).readValue(at: row))
      }
      return .list(values)
    case .map(let keyType, let valueType):
      let (keys, values) = mapChildren(key: keyType, value: valueType)
      var entries: [DuckDBValue.Entry] = []
      for index in range(ofList: row) {
        entries.append(
          DuckDBValue.Entry(
            key: try keys.readValue(at: index), value: try values.readValue(at: index)))
      }
      return .map(entries)
    case .union(let members):
      let tag = Int(structChild(0, .utinyint).element(row, as: UInt8.self))
      return try structChild(tag + 1, members[tag].type).readValue(at: row)
    default: preconditionFailure("\(type) is not nested")
    }
  }

  private func readValues(in range: Range<Int>) throws(DuckDBError) -> [DuckDBValue] {
    var values: [DuckDBValue] = []
    values.reserveCapacity(range.count)
    for index in range { values.append(try readValue(at: index)) }
    return values
  }

  /// The place of a LIST's or MAP's row in its children.
  package func range(ofList row: Int) -> Range<Int> {
    let entry = element(row, as: ListEntry.self)
    return Int(entry.offset)..<Int(entry.offset + entry.length)
  }
}

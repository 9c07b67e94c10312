import DuckDB

extension CellRenderer {
  /// Writes a cell as JSON; makes its own room.
  @inline(__always)
  func appendJSON(_ row: Int, to buffer: inout OutputBuffer) throws(DuckDBError) {
    if isNull(row) {
      buffer.append("null")
      return
    }
    // The most frequent kinds stand inline, the others behind a call.
    switch kind {
    case .int64:
      buffer.reserve(OutputBuffer.numberLimitBytes)
      buffer.appendDecimal(element(row, as: Int64.self))
    case .int32:
      buffer.reserve(OutputBuffer.numberLimitBytes)
      buffer.appendDecimal(Int64(element(row, as: Int32.self)))
    case .double: appendDouble(element(row), to: &buffer)
    case .text: buffer.appendJSONString(bytes(row))
    default: try appendOtherJSON(row, to: &buffer)
    }
  }

  @inline(never)
  private func appendOtherJSON(
    _ row: Int, to buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    if kind.isNested {
      try appendNested(row, to: &buffer)
    } else if kind == .null {
      buffer.append("null")
    } else if kind == .value {
      try buffer.appendJSON(value(row))
    } else if kind.isQuoted {
      buffer.append(byte: UInt8(ascii: "\""))
      appendPlain(row, to: &buffer)
      buffer.append(byte: UInt8(ascii: "\""))
    } else if kind == .json {
      guard looseJSON == .quoted || StrictJSON.isValid(bytes(row)) else {
        throw DuckDBError(kind: .conversion, message: "a JSON value is not well-formed")
      }
      buffer.appendEmbeddedJSON(bytes(row))
    } else if kind == .enum8 || kind == .enum16 || kind == .enum32 {
      labels[label(row)].withUnsafeBytes { buffer.append(contentsOf: $0) }
    } else if kind == .float {
      appendFloat(element(row), to: &buffer)
    } else {
      appendPlain(row, to: &buffer)
    }
  }

  /// Writes a scalar that JSON and CSV write alike, apart from quotes.
  func appendPlain(_ row: Int, to buffer: inout OutputBuffer) {
    buffer.reserve(OutputBuffer.timeLimitBytes)
    switch kind {
    case .boolean:
      buffer.append(element(row, as: UInt8.self) != 0 ? "true" : "false")
    case .int8: buffer.appendDecimal(Int64(element(row, as: Int8.self)))
    case .int16: buffer.appendDecimal(Int64(element(row, as: Int16.self)))
    case .int32: buffer.appendDecimal(Int64(element(row, as: Int32.self)))
    case .int64, .int64AsString: buffer.appendDecimal(element(row, as: Int64.self))
    case .uint8: buffer.appendDecimal(UInt64(element(row, as: UInt8.self)))
    case .uint16: buffer.appendDecimal(UInt64(element(row, as: UInt16.self)))
    case .uint32: buffer.appendDecimal(UInt64(element(row, as: UInt32.self)))
    case .uint64, .uint64AsString: buffer.appendDecimal(element(row, as: UInt64.self))
    case .hugeint: buffer.appendDecimal(element(row, as: Int128.self))
    case .uhugeint: buffer.appendDecimal(element(row, as: UInt128.self))
    case .decimal16:
      buffer.appendDecimal(unscaled: Int128(element(row, as: Int16.self)), scale: scale)
    case .decimal32:
      buffer.appendDecimal(unscaled: Int128(element(row, as: Int32.self)), scale: scale)
    case .decimal64:
      buffer.appendDecimal(unscaled: Int128(element(row, as: Int64.self)), scale: scale)
    case .decimal128: buffer.appendDecimal(unscaled: element(row), scale: scale)
    case .blob: buffer.appendBase64(bytes(row))
    case .uuid:
      buffer.appendUUID(UInt128(bitPattern: element(row, as: Int128.self)) ^ (1 << 127))
    default: appendTime(row, to: &buffer)
    }
  }

  private func appendTime(_ row: Int, to buffer: inout OutputBuffer) {
    switch kind {
    case .date: buffer.appendDateOrInfinity(element(row))
    case .time: buffer.appendTime(element(row), perSecond: 1_000_000, fractionDigits: 6)
    case .timeNanoseconds:
      buffer.appendTime(element(row), perSecond: 1_000_000_000, fractionDigits: 9)
    case .timestamp, .timestampUTC:
      buffer.appendTimestamp(
        element(row), perSecond: 1_000_000, fractionDigits: 6, isUTC: kind == .timestampUTC)
    case .timestampSeconds:
      buffer.appendTimestamp(element(row), perSecond: 1, fractionDigits: 0, isUTC: false)
    case .timestampMilliseconds:
      buffer.appendTimestamp(element(row), perSecond: 1_000, fractionDigits: 3, isUTC: false)
    case .timestampNanoseconds, .timestampNanosecondsUTC:
      buffer.appendTimestamp(
        element(row), perSecond: 1_000_000_000, fractionDigits: 9,
        isUTC: kind == .timestampNanosecondsUTC)
    case .interval:
      let start = data.unsafelyUnwrapped + row * 16
      buffer.appendInterval(
        months: start.load(as: Int32.self), days: (start + 4).load(as: Int32.self),
        microseconds: (start + 8).load(as: Int64.self))
    default: preconditionFailure("\(kind) is not a plain scalar")
    }
  }

  @inline(__always)
  private func appendDouble(_ value: Double, to buffer: inout OutputBuffer) {
    if value.isFinite {
      buffer.reserve(OutputBuffer.numberLimitBytes)
      buffer.appendShortest(value)
    } else {
      buffer.appendNonFinite(isNaN: value.isNaN, isNegative: value < 0, isQuoted: true)
    }
  }

  private func appendFloat(_ value: Float, to buffer: inout OutputBuffer) {
    if value.isFinite {
      buffer.reserve(OutputBuffer.numberLimitBytes)
      buffer.appendShortest(value)
    } else {
      buffer.appendNonFinite(isNaN: value.isNaN, isNegative: value < 0, isQuoted: true)
    }
  }

  func value(_ row: Int) throws(DuckDBError) -> DuckDBValue {
    guard let vector else { preconditionFailure("no vector is loaded") }
    return try vector.readValue(at: row)
  }
}

extension OutputBuffer {
  /// JSON has no such numbers, so they are strings there.
  mutating func appendNonFinite(isNaN: Bool, isNegative: Bool, isQuoted: Bool) {
    reserve(16)
    if isQuoted { appendReserved(UInt8(ascii: "\"")) }
    if isNegative { appendReserved(UInt8(ascii: "-")) }
    appendReserved(isNaN ? "NaN" : "Infinity")
    if isQuoted { appendReserved(UInt8(ascii: "\"")) }
  }
}

import DuckDB

extension OutputBuffer {
  /// Writes a value in the JSON form of its type; makes its own room.
  mutating func appendJSON(_ value: DuckDBValue) {
    reserve(Self.timeLimitBytes)
    switch value {
    case .null: appendReserved("null")
    case .bool(let value): appendReserved(value ? "true" : "false")
    case .int64(let value): appendDecimal(value)
    case .uint64(let value): appendDecimal(value)
    case .float(let value): appendJSONNumber(value)
    case .double(let value): appendJSONNumber(value)
    case .string(let text): appendJSONText(text)
    case .list(let elements): appendJSON(elements)
    case .struct(let fields): appendJSON(fields)
    case .map(let entries): appendJSON(entries)
    case .bignum(let text), .bit(let text): appendJSONText(text)
    default: appendQuotedJSON(value)
    }
  }

  private mutating func appendQuotedJSON(_ value: DuckDBValue) {
    appendReserved(UInt8(ascii: "\""))
    switch value {
    case .hugeint(let value): appendDecimal(value)
    case .uhugeint(let value): appendDecimal(value)
    case .decimal(let unscaled, _, let scale): appendDecimal(unscaled: unscaled, scale: scale)
    case .blob(let bytes): bytes.withUnsafeBufferPointer { appendBase64($0) }
    case .uuid(let value): appendUUID(value)
    case .date(let days): appendDateOrInfinity(days)
    case .time(let value): appendTime(value, perSecond: 1_000_000, fractionDigits: 6)
    case .timeNanoseconds(let value):
      appendTime(value, perSecond: 1_000_000_000, fractionDigits: 9)
    case .timeWithTimeZone(let microseconds, let offsetSeconds):
      appendTime(microseconds, perSecond: 1_000_000, fractionDigits: 6)
      appendOffset(seconds: offsetSeconds)
    case .timestamp(let value):
      appendTimestamp(value, perSecond: 1_000_000, fractionDigits: 6, isUTC: false)
    case .timestampWithTimeZone(let value):
      appendTimestamp(value, perSecond: 1_000_000, fractionDigits: 6, isUTC: true)
    case .timestampNanoseconds(let value):
      appendTimestamp(value, perSecond: 1_000_000_000, fractionDigits: 9, isUTC: false)
    case .timestampWithTimeZoneNanoseconds(let value):
      appendTimestamp(value, perSecond: 1_000_000_000, fractionDigits: 9, isUTC: true)
    case .interval(let months, let days, let microseconds):
      appendInterval(months: months, days: days, microseconds: microseconds)
    case .null, .bool, .int64, .uint64, .float, .double, .string, .bignum, .bit, .list, .struct,
      .map:
      preconditionFailure("this value stands without quotes")
    }
    append(byte: UInt8(ascii: "\""))
  }

  private mutating func appendJSONNumber<Number: BinaryFloatingPoint & TextOutputStreamable>(
    _ value: Number
  ) {
    if value.isFinite {
      appendShortest(value)
    } else {
      appendNonFinite(isNaN: value.isNaN, isNegative: value < 0, isQuoted: true)
    }
  }

  private mutating func appendJSONText(_ text: String) {
    var text = text
    text.withUTF8 { appendJSONString($0) }
  }

  private mutating func appendJSON(_ elements: [DuckDBValue]) {
    append(byte: UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { append(byte: UInt8(ascii: ",")) }
      appendJSON(element)
    }
    append(byte: UInt8(ascii: "]"))
  }

  private mutating func appendJSON(_ fields: [DuckDBValue.Field]) {
    append(byte: UInt8(ascii: "{"))
    for (index, field) in fields.enumerated() {
      if index > 0 { append(byte: UInt8(ascii: ",")) }
      appendJSONText(field.name)
      append(byte: UInt8(ascii: ":"))
      appendJSON(field.value)
    }
    append(byte: UInt8(ascii: "}"))
  }

  private mutating func appendJSON(_ entries: [DuckDBValue.Entry]) {
    append(byte: UInt8(ascii: "["))
    for (index, entry) in entries.enumerated() {
      if index > 0 { append(byte: UInt8(ascii: ",")) }
      append("{\"key\":")
      appendJSON(entry.key)
      append(",\"value\":")
      appendJSON(entry.value)
      append(byte: UInt8(ascii: "}"))
    }
    append(byte: UInt8(ascii: "]"))
  }
}

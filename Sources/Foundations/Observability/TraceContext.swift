/// The identity of a request as it travels: W3C Trace Context, version 00
/// (www.w3.org/TR/trace-context).
package struct TraceContext: Sendable, Hashable {
  package let traceIdHigh: UInt64
  package let traceIdLow: UInt64
  package let spanId: UInt64
  package let parentSpanId: UInt64?
  package let isSampled: Bool

  package init(
    traceIdHigh: UInt64, traceIdLow: UInt64, spanId: UInt64, parentSpanId: UInt64?,
    isSampled: Bool
  ) {
    precondition((traceIdHigh | traceIdLow) != 0 && spanId != 0, "an id is all zeros")
    self.traceIdHigh = traceIdHigh
    self.traceIdLow = traceIdLow
    self.spanId = spanId
    self.parentSpanId = parentSpanId
    self.isSampled = isSampled
  }

  /// A new trace with its first span.
  package static func generate(from numbers: TraceNumbers = .shared) -> TraceContext {
    var trace = numbers.next()
    while (trace.high | trace.low) == 0 { trace = numbers.next() }
    return TraceContext(
      traceIdHigh: trace.high, traceIdLow: trace.low, spanId: spanId(from: numbers),
      parentSpanId: nil, isSampled: true)
  }

  /// The context in which a request is served: a span of our own within the caller's trace when
  /// the header is valid, else a new trace.
  package static func serving(traceparent: String?) -> TraceContext {
    guard let traceparent, let caller = TraceContext(traceparent: traceparent) else {
      return generate()
    }
    return caller.child()
  }

  /// A new span of the same trace whose parent is this one.
  package func child(from numbers: TraceNumbers = .shared) -> TraceContext {
    TraceContext(
      traceIdHigh: traceIdHigh, traceIdLow: traceIdLow,
      spanId: TraceContext.spanId(from: numbers), parentSpanId: spanId, isSampled: isSampled)
  }

  /// Reads a `traceparent` header: nil unless it is valid to the letter (lower-case hex, no id of
  /// zeros, version not ff). Of a version after 00 the known part is read, as the standard asks.
  package init?(traceparent: String) {
    let bytes = Array(traceparent.utf8)
    let dash = UInt8(ascii: "-")
    guard
      bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
      let version = TraceContext.hex(bytes[0..<2]), version != 0xff,
      bytes.count == 55 || (version > 0 && bytes[55] == dash),
      let high = TraceContext.hex(bytes[3..<19]), let low = TraceContext.hex(bytes[19..<35]),
      let span = TraceContext.hex(bytes[36..<52]), let flags = TraceContext.hex(bytes[53..<55]),
      (high | low) != 0, span != 0
    else { return nil }
    self.init(
      traceIdHigh: high, traceIdLow: low, spanId: span, parentSpanId: nil,
      isSampled: flags & 1 == 1)
  }

  /// The header to send on.
  package var traceparent: String {
    "00-\(traceId)-\(spanIdHex)-\(isSampled ? "01" : "00")"
  }

  /// 32 lower-case hex digits: what `X-Trace-ID`, error bodies and log lines carry.
  package var traceId: String {
    TraceContext.hex(traceIdHigh) + TraceContext.hex(traceIdLow)
  }

  /// 16 lower-case hex digits.
  package var spanIdHex: String {
    TraceContext.hex(spanId)
  }

  private static func spanId(from numbers: TraceNumbers) -> UInt64 {
    while true {
      let number = numbers.next().low
      if number != 0 { return number }
    }
  }

  private static func hex(_ value: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { digits in
      for place in 0..<16 {
        let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 0x0F
        digits[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
      }
      return 16
    }
  }

  private static func hex(_ bytes: ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for byte in bytes {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      default: return nil
      }
      value = value << 4 | UInt64(digit)
    }
    return value
  }
}

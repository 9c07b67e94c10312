/// "00" to "99".
private let digitPairs: StaticString = """
  0001020304050607080910111213141516171819\
  2021222324252627282930313233343536373839\
  4041424344454647484950515253545556575859\
  6061626364656667686970717273747576777879\
  8081828384858687888990919293949596979899
  """

extension OutputBuffer {
  /// The most bytes of any number written here: a HUGEINT with sign, point and leading zero.
  static let numberLimitBytes = 48

  @inline(__always)
  mutating func appendDecimal(_ value: Int64) {
    if value < 0 { appendReserved(UInt8(ascii: "-")) }
    appendDecimal(value.magnitude)
  }

  @inline(__always)
  mutating func appendDecimal(_ value: UInt64) {
    if value < 10 {
      appendReserved(0x30 &+ UInt8(truncatingIfNeeded: value))
      return
    }
    withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { scratch in
      var position = 20
      var rest = value
      let pairs = digitPairs.utf8Start
      while rest >= 100 {
        let quotient = rest / 100
        let pair = Int(truncatingIfNeeded: rest &- quotient &* 100) &* 2
        position &-= 2
        scratch[position] = pairs[pair]
        scratch[position &+ 1] = pairs[pair &+ 1]
        rest = quotient
      }
      if rest >= 10 {
        let pair = Int(truncatingIfNeeded: rest) &* 2
        position &-= 2
        scratch[position] = pairs[pair]
        scratch[position &+ 1] = pairs[pair &+ 1]
      } else {
        position &-= 1
        scratch[position] = 0x30 &+ UInt8(truncatingIfNeeded: rest)
      }
      appendReserved(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[position...]))
    }
  }

  /// Two digits; `value` is below 100.
  @inline(__always)
  mutating func appendTwoDigits(_ value: Int) {
    assert(value >= 0 && value < 100)
    appendReserved(digitPairs.utf8Start[value &* 2])
    appendReserved(digitPairs.utf8Start[value &* 2 &+ 1])
  }

  /// The last `width` digits, with leading zeros.
  @inline(__always)
  mutating func appendPadded(_ value: UInt64, width: Int) {
    appendReserved(atMost: width) { target in
      var rest = value
      var position = width
      while position > 0 {
        position &-= 1
        target[position] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
      return width
    }
  }

  mutating func appendDecimal(_ value: UInt128) {
    if let small = UInt64(exactly: value) {
      appendDecimal(small)
      return
    }
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
    appendDecimal(quotient)
    appendPadded(UInt64(remainder), width: 19)
  }

  mutating func appendDecimal(_ value: Int128) {
    if value < 0 { appendReserved(UInt8(ascii: "-")) }
    appendDecimal(value.magnitude)
  }

  /// `unscaled` × 10^−scale with exactly `scale` fraction digits; needs `numberLimitBytes`.
  mutating func appendDecimal(unscaled: Int128, scale: Int) {
    guard scale > 0 else {
      appendDecimal(unscaled)
      return
    }
    if unscaled < 0 { appendReserved(UInt8(ascii: "-")) }
    if scale <= 18, let magnitude = UInt64(exactly: unscaled.magnitude) {
      let unit = powerOfTen(scale)
      appendDecimal(magnitude / unit)
      appendReserved(UInt8(ascii: "."))
      appendPadded(magnitude % unit, width: scale)
      return
    }
    // 10^38 fits 128 bits, and scale is at most 38.
    let unit =
      UInt128(powerOfTen(min(scale, 19))) * UInt128(powerOfTen(max(scale - 19, 0)))
    let (whole, fraction) = unscaled.magnitude.quotientAndRemainder(dividingBy: unit)
    appendDecimal(whole)
    appendReserved(UInt8(ascii: "."))
    if scale > 19 {
      let (high, low) = fraction.quotientAndRemainder(dividingBy: UInt128(powerOfTen(19)))
      appendPadded(UInt64(high), width: scale - 19)
      appendPadded(UInt64(low), width: 19)
    } else {
      appendPadded(UInt64(fraction), width: scale)
    }
  }

  private func powerOfTen(_ exponent: Int) -> UInt64 {
    var power: UInt64 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
  }
}

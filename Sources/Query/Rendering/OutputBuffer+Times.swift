extension OutputBuffer {
  /// The most bytes of a date, time, timestamp or interval written here.
  static let timeLimitBytes = 96

  /// `YYYY-MM-DD` in the proleptic Gregorian calendar; years outside 0000–9999 as ISO 8601
  /// expanded years, a sign and at least six digits. After Hinnant, "chrono-compatible low-level
  /// date algorithms".
  @inline(__always)
  mutating func appendDate(daysSinceEpoch days: Int64) {
    let shifted = days &+ 719_468
    let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra =
      (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
    let day = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
    let month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
    appendYear(yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0))
    appendReserved(UInt8(ascii: "-"))
    appendTwoDigits(Int(month))
    appendReserved(UInt8(ascii: "-"))
    appendTwoDigits(Int(day))
  }

  @inline(__always)
  private mutating func appendYear(_ year: Int64) {
    if year >= 0 && year <= 9_999 {
      appendTwoDigits(Int(year / 100))
      appendTwoDigits(Int(year % 100))
      return
    }
    appendReserved(year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    if year.magnitude < 1_000_000 {
      appendPadded(year.magnitude, width: 6)
    } else {
      appendDecimal(year.magnitude)
    }
  }

  /// `HH:MM:SS`, with a fraction where there is one, without trailing zeros.
  @inline(__always)
  mutating func appendTime(_ ticks: Int64, perSecond: Int64, fractionDigits: Int) {
    let seconds = ticks / perSecond
    appendTwoDigits(Int(seconds / 3_600))
    appendReserved(UInt8(ascii: ":"))
    appendTwoDigits(Int(seconds / 60 % 60))
    appendReserved(UInt8(ascii: ":"))
    appendTwoDigits(Int(seconds % 60))
    appendFraction(UInt64(ticks % perSecond), digits: fractionDigits)
  }

  @inline(__always)
  private mutating func appendFraction(_ fraction: UInt64, digits: Int) {
    guard fraction != 0 else { return }
    var rest = fraction
    var width = digits
    while rest % 10 == 0 {
      rest /= 10
      width &-= 1
    }
    appendReserved(UInt8(ascii: "."))
    appendPadded(rest, width: width)
  }

  /// An ISO 8601 timestamp, or `infinity` and `-infinity`.
  @inline(__always)
  mutating func appendTimestamp(
    _ ticks: Int64, perSecond: Int64, fractionDigits: Int, isUTC: Bool
  ) {
    if ticks == .max || ticks == -.max {
      appendInfinity(isNegative: ticks < 0)
      return
    }
    let perDay = 86_400 &* perSecond
    var days = ticks / perDay
    var timeOfDay = ticks &- days &* perDay
    if timeOfDay < 0 {
      timeOfDay &+= perDay
      days &-= 1
    }
    appendDate(daysSinceEpoch: days)
    appendReserved(UInt8(ascii: "T"))
    appendTime(timeOfDay, perSecond: perSecond, fractionDigits: fractionDigits)
    if isUTC { appendReserved(UInt8(ascii: "Z")) }
  }

  /// A DATE, or `infinity` and `-infinity`.
  @inline(__always)
  mutating func appendDateOrInfinity(_ days: Int32) {
    if days == .max || days == -.max {
      appendInfinity(isNegative: days < 0)
    } else {
      appendDate(daysSinceEpoch: Int64(days))
    }
  }

  private mutating func appendInfinity(isNegative: Bool) {
    if isNegative { appendReserved(UInt8(ascii: "-")) }
    appendReserved("infinity")
  }

  /// The offset of a TIMETZ: `Z`, or a sign, hours, minutes and, where needed, seconds.
  mutating func appendOffset(seconds: Int32) {
    if seconds == 0 {
      appendReserved(UInt8(ascii: "Z"))
      return
    }
    appendReserved(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    let magnitude = Int(seconds.magnitude)
    appendTwoDigits(magnitude / 3_600)
    appendReserved(UInt8(ascii: ":"))
    appendTwoDigits(magnitude / 60 % 60)
    if magnitude % 60 != 0 {
      appendReserved(UInt8(ascii: ":"))
      appendTwoDigits(magnitude % 60)
    }
  }

  /// An ISO 8601 duration, each part with its own sign (ISO 8601-2), `PT0S` when all are zero.
  ///
  /// Months, days and the rest stay apart, since none is a fixed number of the next.
  mutating func appendInterval(months: Int32, days: Int32, microseconds: Int64) {
    appendReserved(UInt8(ascii: "P"))
    let start = count
    appendPart(Int64(months / 12), UInt8(ascii: "Y"))
    appendPart(Int64(months % 12), UInt8(ascii: "M"))
    appendPart(Int64(days), UInt8(ascii: "D"))
    if microseconds == 0 && count > start { return }
    appendReserved(UInt8(ascii: "T"))
    let timeStart = count
    appendPart(microseconds / 3_600_000_000, UInt8(ascii: "H"))
    appendPart(microseconds / 60_000_000 % 60, UInt8(ascii: "M"))
    let rest = microseconds % 60_000_000
    guard rest != 0 || count == timeStart else { return }
    if rest < 0 { appendReserved(UInt8(ascii: "-")) }
    appendDecimal(rest.magnitude / 1_000_000)
    appendFraction(rest.magnitude % 1_000_000, digits: 6)
    appendReserved(UInt8(ascii: "S"))
  }

  private mutating func appendPart(_ value: Int64, _ unit: UInt8) {
    guard value != 0 else { return }
    appendDecimal(value)
    appendReserved(unit)
  }
}

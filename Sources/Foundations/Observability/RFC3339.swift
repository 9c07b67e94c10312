/// RFC 3339 timestamps in UTC, written without a formatter object.
package enum RFC3339 {
  /// Appends `YYYY-MM-DDTHH:MM:SS.mmmZ`, the fraction cut to milliseconds.
  ///
  /// - Parameter microseconds: since 1970-01-01T00:00:00Z; years 0 to 9999 are written.
  package static func append(microseconds: Int64, to bytes: inout [UInt8]) {
    let milliseconds = floorDivide(microseconds, 1_000)
    let seconds = floorDivide(milliseconds, 1_000)
    let day = floorDivide(seconds, 86_400)
    let secondOfDay = seconds - day * 86_400
    let (year, month, dayOfMonth) = civilDate(day: day)
    appendPadded(year, width: 4, to: &bytes)
    bytes.append(UInt8(ascii: "-"))
    appendPadded(month, width: 2, to: &bytes)
    bytes.append(UInt8(ascii: "-"))
    appendPadded(dayOfMonth, width: 2, to: &bytes)
    bytes.append(UInt8(ascii: "T"))
    appendPadded(secondOfDay / 3_600, width: 2, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendPadded(secondOfDay / 60 % 60, width: 2, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendPadded(secondOfDay % 60, width: 2, to: &bytes)
    bytes.append(UInt8(ascii: "."))
    appendPadded(milliseconds - seconds * 1_000, width: 3, to: &bytes)
    bytes.append(UInt8(ascii: "Z"))
  }

  /// As `append`, as a string.
  package static func string(microseconds: Int64) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(24)
    append(microseconds: microseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Gregorian year, month and day of a count of days since 1970-01-01; the algorithm is Howard
  /// Hinnant's `civil_from_days` (howardhinnant.github.io/date_algorithms.html).
  private static func civilDate(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth)
  }

  private static func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
  }

  private static func appendPadded(_ value: Int64, width: Int, to bytes: inout [UInt8]) {
    var divisor: Int64 = 1
    for _ in 1..<width {
      divisor *= 10
    }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }
}

/// Dates and times as the edge takes them: the years 0001 to 9999, at most six fraction digits,
/// seconds below 60, hours below 24.
package enum DateTimeText {
  private static let microsecondsPerDay: Int64 = 86_400_000_000
  private static let firstInstant: Int64 = -62_135_596_800_000_000
  private static let lastInstant: Int64 = 253_402_300_799_999_999

  package enum Zone {
    /// `Z` or `±HH:MM` must stand at the end.
    case required
    /// Nothing may stand behind the time.
    case absent
  }

  /// `YYYY-MM-DD` as days since 1970-01-01.
  package static func date(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard text.count == 10 else { return nil }
    return leadingDate(text)
  }

  /// `HH:MM:SS`, perhaps with a fraction, as microseconds since midnight.
  package static func time(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard let (microseconds, end) = time(text, from: 0), end == text.count else { return nil }
    return microseconds
  }

  /// A date, `T` or a space, a time, and a zone or none, as microseconds since 1970; in UTC when
  /// there is a zone, and then within the same years in UTC.
  package static func timestamp(_ text: UnsafeRawBufferPointer, zone: Zone) -> Int64? {
    guard text.count >= 19, let days = leadingDate(text),
      text[10] == UInt8(ascii: "T") || text[10] == UInt8(ascii: " "),
      let (time, end) = time(text, from: 11)
    else { return nil }
    let local = days * microsecondsPerDay + time
    switch zone {
    case .absent:
      return end == text.count ? local : nil
    case .required:
      guard let offsetMinutes = offset(text, from: end) else { return nil }
      let instant = local - offsetMinutes * 60_000_000
      return instant >= firstInstant && instant <= lastInstant ? instant : nil
    }
  }

  /// Whether a text is a timestamp without a zone and with at most so many fraction digits, up to
  /// six.
  package static func isTimestamp(
    _ text: UnsafeRawBufferPointer, fractionDigits: Int
  ) -> Bool {
    let longest = fractionDigits == 0 ? 19 : 20 + fractionDigits
    return text.count <= longest && timestamp(text, zone: .absent) != nil
  }

  /// Whether a text is a timestamp without a zone and with at most nine fraction digits, of the
  /// years that 64 bits of nanoseconds hold in full: 1678 to 2261.
  package static func isNanosecondTimestamp(_ text: UnsafeRawBufferPointer) -> Bool {
    // Beyond the microseconds nothing but digits matters.
    let head = UnsafeRawBufferPointer(rebasing: text.prefix(26))
    guard text.count <= 29, text[head.count...].allSatisfy({ digit($0) != nil }),
      let microseconds = timestamp(head, zone: .absent)
    else { return false }
    return microseconds >= firstNanosecondInstant && microseconds <= lastNanosecondInstant
  }

  // 1678-01-01 00:00:00 and 2261-12-31 23:59:59.999999.
  private static let firstNanosecondInstant: Int64 = -9_214_560_000_000_000
  private static let lastNanosecondInstant: Int64 = 9_214_646_399_999_999

  private static func leadingDate(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
      let century = twoDigits(text, at: 0), let yearOfCentury = twoDigits(text, at: 2),
      let month = twoDigits(text, at: 5), let day = twoDigits(text, at: 8)
    else { return nil }
    let year = century * 100 + yearOfCentury
    return year >= 1 ? CivilDate.days(year: year, month: month, day: day) : nil
  }

  private static func time(
    _ text: UnsafeRawBufferPointer, from start: Int
  ) -> (microseconds: Int64, end: Int)? {
    guard text.count >= start + 8, text[start + 2] == UInt8(ascii: ":"),
      text[start + 5] == UInt8(ascii: ":"),
      let hour = twoDigits(text, at: start), let minute = twoDigits(text, at: start + 3),
      let second = twoDigits(text, at: start + 6), hour < 24, minute < 60, second < 60
    else { return nil }
    var index = start + 8
    var fraction: Int64 = 0
    if index < text.count, text[index] == UInt8(ascii: ".") {
      var unit: Int64 = 100_000
      index += 1
      let firstDigit = index
      while index < text.count, let digit = digit(text[index]) {
        guard unit > 0 else { return nil }
        fraction += digit * unit
        unit /= 10
        index += 1
      }
      guard index > firstDigit else { return nil }
    }
    return (((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction, index)
  }

  private static func offset(_ text: UnsafeRawBufferPointer, from start: Int) -> Int64? {
    guard start < text.count else { return nil }
    if text[start] == UInt8(ascii: "Z") { return start + 1 == text.count ? 0 : nil }
    let isNegative = text[start] == UInt8(ascii: "-")
    guard isNegative || text[start] == UInt8(ascii: "+"), text.count == start + 6,
      text[start + 3] == UInt8(ascii: ":"), let hours = twoDigits(text, at: start + 1),
      let minutes = twoDigits(text, at: start + 4), hours < 24, minutes < 60
    else { return nil }
    let offset = hours * 60 + minutes
    return isNegative ? -offset : offset
  }

  @inline(__always)
  private static func digit(_ byte: UInt8) -> Int64? {
    byte >= 0x30 && byte <= 0x39 ? Int64(byte - 0x30) : nil
  }

  @inline(__always)
  private static func twoDigits(_ text: UnsafeRawBufferPointer, at index: Int) -> Int64? {
    guard let tens = digit(text[index]), let ones = digit(text[index + 1]) else { return nil }
    return tens * 10 + ones
  }
}

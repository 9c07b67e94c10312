/// An instant, in microseconds since 1970-01-01T00:00:00Z (leap seconds not counted).
package struct Timestamp: Hashable, Comparable, Sendable {
  package let microseconds: Int64
  package init(microseconds: Int64) { self.microseconds = microseconds }
  package static func < (left: Self, right: Self) -> Bool {
    left.microseconds < right.microseconds
  }

  package func adding(milliseconds: Int) -> Self {
    Self(microseconds: microseconds + Int64(milliseconds) * 1_000)
  }

  package func adding(seconds: Int) -> Self {
    Self(microseconds: microseconds + Int64(seconds) * 1_000_000)
  }

  /// Milliseconds from `earlier` to this instant; negative when it is the later one.
  package func milliseconds(since earlier: Timestamp) -> Int {
    Int((microseconds - earlier.microseconds) / 1_000)
  }
}

extension Timestamp {
  /// `YYYY-MM-DDTHH:MM:SS.ffffffZ` (RFC 3339), always six fraction digits.
  package var rfc3339: String { text(separator: "T", zone: "Z") }

  /// The form DuckLake keeps timestamps in where the catalog has no such type.
  package var catalogText: String { text(separator: " ", zone: "+00") }

  private func text(separator: Character, zone: String) -> String {
    let microsecondsPerDay: Int64 = 86_400_000_000
    var day = microseconds / microsecondsPerDay
    var rest = microseconds % microsecondsPerDay
    if rest < 0 {
      rest += microsecondsPerDay
      day -= 1
    }
    let (year, month, dayOfMonth) = CivilDate.fromDays(day)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    func append(_ value: Int64, width: Int) {
      let digits = Array(String(value).utf8)
      for _ in digits.count..<max(width, digits.count) { bytes.append(UInt8(ascii: "0")) }
      bytes.append(contentsOf: digits)
    }
    append(year, width: 4)
    bytes.append(UInt8(ascii: "-"))
    append(month, width: 2)
    bytes.append(UInt8(ascii: "-"))
    append(dayOfMonth, width: 2)
    bytes.append(contentsOf: String(separator).utf8)
    let seconds = rest / 1_000_000
    append(seconds / 3_600, width: 2)
    bytes.append(UInt8(ascii: ":"))
    append(seconds / 60 % 60, width: 2)
    bytes.append(UInt8(ascii: ":"))
    append(seconds % 60, width: 2)
    bytes.append(UInt8(ascii: "."))
    append(rest % 1_000_000, width: 6)
    bytes.append(contentsOf: zone.utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Reads RFC 3339 with an offset (`Z` or `±HH:MM`), up to six fraction digits, seconds below 60;
  /// the catalog's form (a space, `+00`) as well.
  ///
  /// - Returns: nil when the text is anything else or no such day exists.
  package init?(parsing text: String) {
    var scanner = DigitScanner(Array(text.utf8))
    guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2),
      scanner.take("-"), let day = scanner.digits(2),
      let days = CivilDate.days(year: year, month: month, day: day),
      scanner.take("T") || scanner.take("t") || scanner.take(" "),
      let hour = scanner.digits(2), scanner.take(":"), let minute = scanner.digits(2),
      scanner.take(":"), let second = scanner.digits(2), hour < 24, minute < 60, second < 60
    else { return nil }
    var fraction: Int64 = 0
    if scanner.take(".") {
      guard let value = scanner.fraction(digits: 6) else { return nil }
      fraction = value
    }
    guard let offsetMinutes = scanner.offsetMinutes(), scanner.isAtEnd else { return nil }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offsetMinutes * 60
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }
}

/// Reads fixed-width fields of a date text.
private struct DigitScanner {
  private let bytes: [UInt8]
  private var position = 0
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func take(_ character: Character) -> Bool {
    guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
    position += 1
    return true
  }

  mutating func digits(_ count: Int) -> Int64? {
    guard position + count <= bytes.count else { return nil }
    var value: Int64 = 0
    for byte in bytes[position..<position + count] {
      guard byte >= 48, byte <= 57 else { return nil }
      value = value * 10 + Int64(byte - 48)
    }
    position += count
    return value
  }

  /// One to `digits` digits, scaled to `digits` places.
  mutating func fraction(digits count: Int) -> Int64? {
    var value: Int64 = 0
    var read = 0
    while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 {
      guard read < count else { return nil }
      value = value * 10 + Int64(bytes[position] - 48)
      read += 1
      position += 1
    }
    guard read > 0 else { return nil }
    for _ in read..<count { value *= 10 }
    return value
  }

  mutating func offsetMinutes() -> Int64? {
    if take("Z") || take("z") { return 0 }
    let sign: Int64
    if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
    guard let hours = digits(2), hours < 24 else { return nil }
    guard take(":") else { return isAtEnd ? sign * hours * 60 : nil }
    guard let minutes = digits(2), minutes < 60 else { return nil }
    return sign * (hours * 60 + minutes)
  }
}

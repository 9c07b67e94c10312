/// The spellings of dates and times that a table's columns take.
package enum TimeSyntax {
  package enum Kind {
    case date
    case timestamp
    case timestampWithOffset
  }

  /// What the text is; nil when it is none, or has more precision than microseconds.
  package static func kind(of bytes: UnsafeBufferPointer<UInt8>) -> Kind? {
    guard bytes.count >= 10, isDate(bytes) else { return nil }
    if bytes.count == 10 { return .date }
    guard bytes.count >= 16, bytes[10] == 0x54 || bytes[10] == 0x20, bytes[13] == 0x3A,
      let hour = pair(bytes, 11), hour < 24, let minute = pair(bytes, 14), minute < 60
    else { return nil }
    var index = 16
    if index < bytes.count, bytes[index] == 0x3A {
      guard let second = pair(bytes, index + 1), second < 60 else { return nil }
      index += 3
      if index < bytes.count, bytes[index] == 0x2E {
        let start = index + 1
        index = start
        while index < bytes.count, ASCII.isDigit(bytes[index]) { index += 1 }
        guard (1...6).contains(index - start) else { return nil }
      }
    }
    if index == bytes.count { return .timestamp }
    return isOffset(bytes, index) ? .timestampWithOffset : nil
  }

  private static func isDate(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard bytes[4] == 0x2D, bytes[7] == 0x2D, let century = pair(bytes, 0),
      let yearOfCentury = pair(bytes, 2), let month = pair(bytes, 5), (1...12).contains(month),
      let day = pair(bytes, 8), day >= 1
    else { return false }
    let year = century * 100 + yearOfCentury
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    switch month {
    case 2: return day <= (isLeap ? 29 : 28)
    case 4, 6, 9, 11: return day <= 30
    default: return day <= 31
    }
  }

  /// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
  private static func isOffset(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
    if bytes[start] == 0x5A { return bytes.count == start + 1 }
    guard bytes[start] == 0x2B || bytes[start] == 0x2D, let hours = pair(bytes, start + 1),
      hours <= 15
    else { return false }
    switch bytes.count - start {
    case 3: return true
    case 5: return pair(bytes, start + 3).map { $0 < 60 } ?? false
    case 6: return bytes[start + 3] == 0x3A && (pair(bytes, start + 4).map { $0 < 60 } ?? false)
    default: return false
    }
  }

  private static func pair(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int? {
    guard index + 1 < bytes.count, ASCII.isDigit(bytes[index]), ASCII.isDigit(bytes[index + 1])
    else { return nil }
    return Int(bytes[index] - 0x30) * 10 + Int(bytes[index + 1] - 0x30)
  }
}

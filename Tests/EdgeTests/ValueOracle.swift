import DuckDB
import Foundation
import Model
import SimdJSON

/// What a JSON literal means for a column's type, worked out slowly and apart from the edge.
enum ValueOracle {
  /// nil when the type must refuse the literal.
  static func value(of literal: String, as type: ColumnType) throws -> DuckDBValue? {
    let json = try JSONValue(parsing: Array(literal.utf8))
    return value(of: json, literal: literal, as: type)
  }

  /// - Parameter literal: the text that `json` was made of; for a column of type JSON.
  private static func value(
    of json: JSONValue, literal: String, as type: ColumnType
  ) -> DuckDBValue? {
    if json == .null { return .null }
    switch type {
    case .scalar(let scalar): return value(of: json, literal: literal, as: scalar)
    case .list(let element):
      guard let elements = json.elements else { return nil }
      let values = elements.map { inner($0, element) }
      return values.contains(nil) ? nil : .list(values.compactMap { $0 })
    case .structure(let fields):
      guard let members = json.members,
        members.allSatisfy({ member in fields.contains { $0.name == member.name } })
      else { return nil }
      let values = fields.map { field in
        inner(json[field.name] ?? .null, field.type).map { DuckDBValue.Field(field.name, $0) }
      }
      return values.contains(nil) ? nil : .struct(values.compactMap { $0 })
    case .map(.varchar, let valueType):
      guard let members = json.members, !members.contains(where: { $0.name.utf8.contains(0) })
      else { return nil }
      return map(members.map { (.string($0.name), inner($0.value, valueType)) })
    case .map(let key, let valueType):
      guard let elements = json.elements else { return nil }
      return map(
        elements.map { element in
          guard let members = element.members, let name = element["key"], name != .null,
            members.allSatisfy({ ["key", "value"].contains($0.name) })
          else { return (nil, nil) }
          return (
            inner(name, .scalar(key)), inner(element["value"] ?? .null, valueType)
          )
        })
    }
  }

  private static func map(_ pairs: [(DuckDBValue?, DuckDBValue?)]) -> DuckDBValue? {
    var entries: [DuckDBValue.Entry] = []
    for (key, value) in pairs {
      guard let key, let value, !entries.contains(where: { $0.key == key }) else { return nil }
      entries.append(.init(key: key, value: value))
    }
    return .map(entries)
  }

  /// Texts of JSON inside other values are compared by their value: where they begin and end is not
  /// known here.
  private static func inner(_ json: JSONValue, _ type: ColumnType) -> DuckDBValue? {
    var writer = JSONWriter()
    writer.value(json)
    return value(of: json, literal: writer.text, as: type)
  }

  private static func value(
    of json: JSONValue, literal: String, as type: ScalarType
  ) -> DuckDBValue? {
    switch type {
    case .boolean: return json.isTrue.map { .bool($0) }
    case .varchar: return json.text.flatMap { $0.utf8.contains(0) ? nil : .string($0) }
    case .json: return .string(literal)
    case .float:
      guard let value = double(json) else { return nil }
      return Float(value).isFinite ? .float(Float(value)) : nil
    case .double:
      guard let value = double(json) else { return nil }
      return value.isFinite ? .double(value) : nil
    case .decimal(let precision, let scale):
      return decimal(json, precision: precision, scale: scale)
    case .date: return json.text.flatMap(days).map { .date(days: Int32($0)) }
    case .time: return json.text.flatMap(microsecondsOfDay).map { .time(microseconds: $0) }
    case .timestamp:
      return json.text.flatMap(localMicroseconds).map { .timestamp(microseconds: $0) }
    case .timestampS:
      return json.text.flatMap { $0.contains(".") ? nil : localMicroseconds($0) }
        .map { .timestamp(microseconds: $0) }
    case .timestampMS:
      return json.text.flatMap { $0.wholeMatch(of: /[^.]*(\.[0-9]{1,3})?/) }
        .flatMap { localMicroseconds(String($0.0)) }.map { .timestamp(microseconds: $0) }
    case .timestampNS: return json.text.flatMap(nanoseconds).map { .timestampNanoseconds($0) }
    case .timestampTZ:
      return json.text.flatMap(instant).map { .timestampWithTimeZone(microseconds: $0) }
    case .uuid: return json.text.flatMap(uuid).map { .uuid($0) }
    case .blob: return json.text.flatMap(base64).map { .blob($0) }
    default: return integer(json, type)
    }
  }

  // MARK: Numbers

  /// `-0` is the integer zero, `-0.0` keeps its sign.
  private static func double(_ json: JSONValue) -> Double? {
    guard case .number(let text) = json else { return nil }
    return text == "-0" ? 0 : Double(text)
  }

  /// Mantissa digits and the power of ten of the last one.
  private static func parts(_ number: String) -> (negative: Bool, digits: String, power: Int)? {
    let lowercase = number.lowercased().split(separator: "e", omittingEmptySubsequences: false)
    let mantissa = lowercase[0].split(separator: ".", omittingEmptySubsequences: false)
    let negative = mantissa[0].hasPrefix("-")
    var digits = String(negative ? mantissa[0].dropFirst() : mantissa[0])
    var power = 0
    if mantissa.count == 2 {
      digits += mantissa[1]
      power -= mantissa[1].count
    }
    if lowercase.count == 2 {
      guard let exponent = Int(lowercase[1]), abs(exponent) < 100_000 else { return nil }
      power += exponent
    }
    while digits.hasPrefix("0") { digits.removeFirst() }
    while digits.hasSuffix("0") {
      digits.removeLast()
      power += 1
    }
    return digits.isEmpty ? (negative, "0", 0) : (negative, digits, power)
  }

  /// The number times ten to the `shift`, if that is an integer of at most 38 digits.
  private static func scaled(_ number: String, by shift: Int) -> Int128? {
    guard let (negative, digits, power) = parts(number) else {
      return number.split(whereSeparator: { $0 == "e" || $0 == "E" })[0]
        .contains { $0 >= "1" && $0 <= "9" } ? nil : 0
    }
    if digits == "0" { return 0 }
    guard power + shift >= 0, digits.count + power + shift <= 38 else { return nil }
    return Int128((negative ? "-" : "") + digits + String(repeating: "0", count: power + shift))
  }

  private static func decimal(_ json: JSONValue, precision: Int, scale: Int) -> DuckDBValue? {
    let text: String
    switch json {
    case .number(let number): text = number
    case .string(let string):
      guard string.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?/) != nil else { return nil }
      text = string
    default: return nil
    }
    guard let unscaled = scaled(text, by: scale),
      String(unscaled.magnitude).count <= precision
    else { return nil }
    return .decimal(unscaled: unscaled, width: precision, scale: scale)
  }

  private static func integer(_ json: JSONValue, _ type: ScalarType) -> DuckDBValue? {
    var text: String
    switch json {
    case .number(let number): text = number
    case .string(let string):
      guard type == .ubigint, string.wholeMatch(of: /0|[1-9][0-9]*/) != nil else { return nil }
      text = string
    default: return nil
    }
    guard let value = scaled(text, by: 0) else { return nil }
    let range: ClosedRange<Int128> =
      switch type {
      case .tinyint: -128...127
      case .smallint: -32_768...32_767
      case .integer: -2_147_483_648...2_147_483_647
      case .bigint: Int128(Int64.min)...Int128(Int64.max)
      case .utinyint: 0...255
      case .usmallint: 0...65_535
      case .uinteger: 0...4_294_967_295
      default: 0...18_446_744_073_709_551_615
      }
    guard range.contains(value) else { return nil }
    return range.lowerBound == 0 ? .uint64(UInt64(value)) : .int64(Int64(value))
  }

  // MARK: Times

  /// Days from 0001-01-01 to each new year, counted one year after the other.
  private static let newYears: [Int64] = {
    var days: [Int64] = [0, -719_162]
    for year in 1..<10_000 { days.append(days[year] + (isLeap(year) ? 366 : 365)) }
    return days
  }()

  private static func isLeap(_ year: Int) -> Bool {
    year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
  }

  private static func days(_ text: String) -> Int64? {
    guard let match = text.wholeMatch(of: /([0-9]{4})-([0-9]{2})-([0-9]{2})/),
      let year = Int(match.1), let month = Int(match.2), let day = Int(match.3),
      year >= 1, (1...12).contains(month)
    else { return nil }
    let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day >= 1, day <= lengths[month - 1] else { return nil }
    return newYears[year] + Int64(lengths[..<(month - 1)].reduce(0, +) + day - 1)
  }

  private static func microsecondsOfDay(_ text: String) -> Int64? {
    guard
      let match = text.wholeMatch(
        of: /([0-9]{2}):([0-9]{2}):([0-9]{2})(\.([0-9]{1,6}))?/),
      let hour = Int64(match.1), let minute = Int64(match.2), let second = Int64(match.3),
      hour < 24, minute < 60, second < 60
    else { return nil }
    let fraction = (match.5.map(String.init) ?? "")
      .padding(toLength: 6, withPad: "0", startingAt: 0)
    return (hour * 3_600 + minute * 60 + second) * 1_000_000 + (Int64(fraction) ?? 0)
  }

  private static func localMicroseconds(_ text: String) -> Int64? {
    guard text.utf8.count >= 19, let date = days(String(text.prefix(10))),
      ["T", " "].contains(text.dropFirst(10).prefix(1)),
      let time = microsecondsOfDay(String(text.dropFirst(11)))
    else { return nil }
    return date * 86_400_000_000 + time
  }

  /// The fraction's digits beyond six on their own, then the rest as microseconds.
  private static func nanoseconds(_ text: String) -> Int64? {
    guard let match = text.wholeMatch(of: /([0-9]{4}).{15}(\.[0-9]{1,9})?/),
      let year = Int(match.1), (1_678...2_261).contains(year),
      let seconds = localMicroseconds(String(text.prefix(19)))
    else { return nil }
    let fraction = (match.2.map { String($0.dropFirst()) } ?? "")
      .padding(toLength: 9, withPad: "0", startingAt: 0)
    return Int64(fraction).map { seconds * 1_000 + $0 }
  }

  static func instant(_ text: String) -> Int64? {
    guard let match = text.wholeMatch(of: /(.*?)(Z|[+-][0-9]{2}:[0-9]{2})/),
      let local = localMicroseconds(String(match.1))
    else { return nil }
    if match.2 == "Z" { return local }
    let fields = match.2.dropFirst().split(separator: ":")
    guard let hours = Int64(fields[0]), let minutes = Int64(fields[1]), hours < 24, minutes < 60
    else { return nil }
    let offset = (hours * 60 + minutes) * 60_000_000 * (match.2.hasPrefix("-") ? -1 : 1)
    let instant = local - offset
    let first = newYears[1] * 86_400_000_000
    return instant >= first && instant < newYears[10_000] * 86_400_000_000 ? instant : nil
  }

  // MARK: Bytes

  private static func uuid(_ text: String) -> UInt128? {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12],
      text.utf8.allSatisfy({
        $0 == 0x2D || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
          || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0 | 0x20
      })
    else { return nil }
    return UInt128(groups.joined(), radix: 16)
  }

  private static func base64(_ text: String) -> [UInt8]? {
    guard let data = Data(base64Encoded: text), data.base64EncodedString() == text else {
      return nil
    }
    return Array(data)
  }
}

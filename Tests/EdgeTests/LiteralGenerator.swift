import Foundation
import Model

/// Makes JSON literals: mostly of a type, often at its limits, sometimes slightly wrong.
struct LiteralGenerator {
  var random: SeededGenerator

  static let allTypes: [ColumnType] = [
    .boolean, .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger, .ubigint,
    .float, .double, .varchar, .blob, .date, .time, .timestamp, .timestampS, .timestampMS,
    .timestampNS, .timestampTZ, .uuid, .json,
  ]
  private static let keyTypes: [ScalarType] = [
    .varchar, .varchar, .varchar, .tinyint, .integer, .bigint, .ubigint, .date, .uuid,
  ]

  /// A type that may be nested.
  mutating func type(depth: Int = 0) -> ColumnType {
    guard depth < 4, random.chance(depth == 0 ? 35 : 45) else { return scalarType() }
    switch random.below(3) {
    case 0: return .list(type(depth: depth + 1))
    case 1:
      let names = ["a", "Key", "_x", "value", "end", "position", "element"]
      let fields = (0..<(1 + random.below(4))).map { index in
        StructureField(name: random.pick(names) + "\(index)", type: type(depth: depth + 1))
      }
      return .structure(fields)
    default: return .map(key: random.pick(Self.keyTypes), value: type(depth: depth + 1))
    }
  }

  mutating func scalarType() -> ColumnType {
    if random.chance(20) {
      let precision = 1 + random.below(38)
      return .decimal(precision: precision, scale: random.below(precision + 1))
    }
    return random.pick(Self.allTypes)
  }

  /// A literal for a column of this type that may or may not fit it.
  mutating func literal(for type: ColumnType) -> String {
    switch random.below(100) {
    case 0..<4: return "null"
    case 4..<85: return fitting(type)
    case 85..<92: return fitting(self.type())
    default: return mutated(fitting(type))
    }
  }

  private mutating func fitting(_ type: ColumnType) -> String {
    switch type {
    case .scalar(let scalar): return fitting(scalar)
    case .list(let element):
      let elements = (0..<random.below(4)).map { _ in inner(element) }
      return "[" + elements.joined(separator: random.pick([",", " , "])) + "]"
    case .structure(let fields):
      var members: [String] = []
      for field in fields where random.chance(85) {
        let name = quoted(Array(field.name.unicodeScalars))
        members.append("\(name)\(random.pick(["", " "])):\(inner(field.type))")
      }
      if random.chance(1) { members.append("\"unknown\":1") }
      members.shuffle(using: &random)
      return "{" + members.joined(separator: ",") + "}"
    case .map(.varchar, let value):
      let members = (0..<random.below(4)).map { index in
        quoted(text() + Array("\(index)".unicodeScalars)) + ":" + inner(value)
      }
      return "{" + members.joined(separator: ",") + "}"
    case .map(let key, let value):
      let entries = (0..<random.below(4)).map { _ in
        var members = ["\"key\":" + (random.chance(99) ? fitting(key) : "null")]
        if random.chance(95) { members.append("\"value\":" + inner(value)) }
        members.shuffle(using: &random)
        return "{" + members.joined(separator: ",") + "}"
      }
      return "[" + entries.joined(separator: ",") + "]"
    }
  }

  /// A literal inside another one: more of them must fit for the whole to.
  private mutating func inner(_ type: ColumnType) -> String {
    switch random.below(100) {
    case 0..<8: "null"
    case 8..<98: fitting(type)
    default: fitting(self.scalarType())
    }
  }

  private mutating func fitting(_ type: ScalarType) -> String {
    switch type {
    case .boolean: return random.pick(["true", "false"])
    case .varchar: return quoted(text())
    case .json: return json(depth: 0)
    case .float, .double: return floating()
    case .decimal(let precision, let scale): return decimal(precision, scale)
    case .blob: return "\"\(Data(bytes(random.below(12))).base64EncodedString())\""
    case .uuid: return "\"\(random.chance(50) ? uuid() : uuid().lowercased())\""
    case .date: return "\"\(date())\""
    case .time: return "\"\(time())\""
    case .timestamp: return "\"\(date())\(random.pick(["T", " "]))\(time())\""
    case .timestampS: return "\"\(date())\(random.pick(["T", " "]))\(time(digits: 0))\""
    case .timestampMS: return "\"\(date())\(random.pick(["T", " "]))\(time(digits: 3))\""
    case .timestampNS:
      let year = random.chance(80) ? 1_678 + random.below(584) : 1_600 + random.below(700)
      let day = String(format: "%04d-%02d-%02d", year, 1 + random.below(12), 1 + random.below(28))
      return "\"\(day)\(random.pick(["T", " "]))\(time(digits: 9))\""
    case .timestampTZ: return "\"\(date())\(random.pick(["T", " "]))\(time())\(offset())\""
    default: return integer(type)
    }
  }

  // MARK: Numbers

  private mutating func integer(_ type: ScalarType) -> String {
    let edges = [
      "-129", "-128", "-1", "-0", "0", "127", "128", "255", "256", "-32768", "-32769", "32767",
      "32768", "65535", "65536", "-2147483648", "-2147483649", "2147483647", "2147483648",
      "4294967295", "4294967296", "-9223372036854775808", "-9223372036854775809",
      "9223372036854775807", "9223372036854775808", "9007199254740993", "18446744073709551615",
      "18446744073709551616",
    ]
    let digits = random.chance(40) ? random.pick(edges) : number(digits: 1 + random.below(20))
    if type == .ubigint, random.chance(20) { return "\"\(digits)\"" }
    return respelled(digits)
  }

  private mutating func decimal(_ precision: Int, _ scale: Int) -> String {
    let whole = number(digits: max(1, precision - scale - random.below(3)))
    var fraction = ""
    if scale > 0 { fraction = number(digits: 1 + random.below(scale)) }
    if fraction.hasPrefix("-") { fraction.removeFirst() }
    if random.chance(5) { fraction += "1" }
    let plain = (precision == scale ? "0" : whole) + (fraction.isEmpty ? "" : "." + fraction)
    let small = random.chance(10) ? "0." + String(repeating: "0", count: scale) + "1" : plain
    return random.chance(35) ? "\"\(small)\"" : respelled(small)
  }

  private mutating func floating() -> String {
    switch random.below(6) {
    case 0: return String(describing: Double(bitPattern: random.next())).jsonNumber
    case 1:
      return String(describing: Float(bitPattern: UInt32.random(in: 0 ... .max, using: &random)))
        .jsonNumber
    case 2:
      return random.pick([
        "1e400", "-1e400", "1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e-400",
        "3.4028235e38", "3.4028236e38", "3.5e38", "-0.0", "4.9e-324", "2e-324", "1e38", "1e39",
        "0.1", "123456789012345678901234567890", "3.4028235677973366e38", "0e999999999999999999",
      ])
    default:
      return respelled(number(digits: 1 + random.below(25)) + "." + digits(1 + random.below(20)))
    }
  }

  private mutating func digits(_ count: Int) -> String {
    String((0..<count).map { _ in random.pick(Array("0123456789")) })
  }

  private mutating func number(digits count: Int) -> String {
    var text = digits(count)
    while text.count > 1, text.hasPrefix("0") { text.removeFirst() }
    return random.chance(30) ? "-" + text : text
  }

  /// The same value in another spelling, or the same spelling.
  private mutating func respelled(_ number: String) -> String {
    switch random.below(8) {
    case 0: return number.contains(".") ? number + "0" : number + ".0"
    case 1: return number + random.pick(["e0", "E+0", "e-0", "e00"])
    case 2 where !number.contains(".") && number.hasSuffix("0") && number.count > 2:
      return String(number.dropLast()) + random.pick(["e1", "E+1", "e01"])
    case 3 where number.contains("."):
      let parts = number.split(separator: ".")
      let joined = (parts[0] == "0" || parts[0] == "-0") ? nil : parts[0] + parts[1]
      return joined.map { $0 + "e-\(parts[1].count)" } ?? number
    default: return number
    }
  }

  // MARK: Times

  private mutating func date() -> String {
    if random.chance(15) {
      return random.pick([
        "0001-01-01", "9999-12-31", "2000-02-29", "1900-02-29", "2023-02-29", "2024-02-29",
        "0000-01-01", "1582-10-10", "1970-01-01", "1969-12-31", "2024-04-31", "2024-00-10",
      ])
    }
    return String(
      format: "%04d-%02d-%02d", 1 + random.below(9_999), 1 + random.below(12),
      1 + random.below(29))
  }

  private mutating func time(digits most: Int = 6) -> String {
    if random.chance(10) {
      return random.pick(["00:00:00", "23:59:59.999999", "24:00:00", "12:00:60", "12:60:00"])
    }
    let clock = String(
      format: "%02d:%02d:%02d", random.below(24), random.below(60), random.below(60))
    if random.chance(50) || (most == 0 && random.chance(90)) { return clock }
    return clock + "." + digits(1 + random.below(random.chance(90) ? max(most, 1) : most + 3))
  }

  private mutating func offset() -> String {
    if random.chance(50) { return "Z" }
    let hours = random.chance(90) ? random.below(15) : random.below(25)
    return random.pick(["+", "-"]) + String(format: "%02d:%02d", hours, random.below(60))
  }

  // MARK: Text

  private mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  private mutating func uuid() -> String {
    UUID(
      uuid: (
        bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0],
        bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0],
        bytes(1)[0], bytes(1)[0]
      )
    ).uuidString
  }

  mutating func text() -> [UnicodeScalar] {
    (0..<random.below(14)).map { _ in
      switch random.below(12) {
      case 0: UnicodeScalar(UInt8(random.chance(95) ? 1 + random.below(31) : 0))
      case 1: random.pick(["\"", "\\", "/", "'", "\u{7F}"])
      case 2: UnicodeScalar(UInt32(0xA0 + random.below(0xD700))) ?? "?"
      case 3: UnicodeScalar(UInt32(0x10000 + random.below(0xFFFFF))) ?? "?"
      case 4: random.pick(["\u{E000}", "\u{FFFF}", "\u{FEFF}", "\u{301}", "\u{2028}"])
      default: UnicodeScalar(UInt8(32 + random.below(95)))
      }
    }
  }

  /// A JSON string in which any character may be escaped, and all that must be are.
  mutating func quoted(_ text: [UnicodeScalar]) -> String {
    var result = "\""
    for scalar in text {
      let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
      if mustEscape || random.chance(8) {
        for unit in String(scalar).utf16 {
          result += String(format: random.chance(50) ? "\\u%04x" : "\\u%04X", Int(unit))
        }
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private mutating func json(depth: Int) -> String {
    let space = random.pick(["", "", " ", "\n", "\t "])
    switch depth > 3 ? random.below(5) : random.below(8) {
    case 0: return random.pick(["true", "false"])
    case 1: return depth == 0 ? "true" : "null"
    case 2, 3: return quoted(text())
    case 4: return random.chance(50) ? floating() : integer(.bigint)
    case 5:
      let elements = (0..<random.below(4)).map { _ in json(depth: depth + 1) }
      return "[" + space + elements.joined(separator: space + ",") + space + "]"
    default:
      let members = (0..<random.below(4)).map { index in
        quoted(Array("\(index)".unicodeScalars) + text()) + space + ":" + json(depth: depth + 1)
      }
      return "{" + space + members.joined(separator: "," + space) + space + "}"
    }
  }

  /// One byte changed, dropped or doubled.
  private mutating func mutated(_ literal: String) -> String {
    var bytes = Array(literal.utf8)
    let index = random.below(bytes.count)
    switch random.below(3) {
    case 0: bytes[index] = UInt8(32 + random.below(95))
    case 1: bytes.remove(at: index)
    default: bytes.insert(bytes[index], at: index)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension String {
  /// Swift's text of a number as JSON has it; zero for what JSON has not.
  fileprivate var jsonNumber: String { contains("n") ? "0" : self }
}

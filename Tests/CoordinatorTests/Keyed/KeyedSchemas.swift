import Catalog
import Model

/// The versions of a keyed table's schema, and what events and rows hold for their columns.
///
/// What an event has in a column follows from its note and from the column, so that the model need
/// not remember it.
struct KeyedSchemas: Sendable {
  enum Kind: CaseIterable, Sendable {
    case key, whole, small, decimal, day, text

    /// Each widens to the next.
    var types: [String] {
      switch self {
      case .key: ["INTEGER", "BIGINT", "DECIMAL(20,0)", "DECIMAL(22,2)"]
      case .whole: ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL(22,2)"]
      case .small: ["UTINYINT", "SMALLINT", "DOUBLE"]
      case .decimal: ["DECIMAL(4,1)", "DECIMAL(9,2)", "DECIMAL(38,5)"]
      case .day: ["DATE", "TIMESTAMP"]
      case .text: ["VARCHAR"]
      }
    }

    /// A value as the engine's text of a type.
    func text(_ number: Int, _ type: String) -> String {
      switch self {
      case .key, .whole, .small:
        let whole = self == .key ? number : number % 100
        return "\(whole)\(type == "DOUBLE" ? ".0" : type.hasSuffix(",2)") ? ".00" : "")"
      case .decimal:
        let zeros = type.hasSuffix(",1)") ? "" : type.hasSuffix(",2)") ? "0" : "0000"
        return "\(number / 10 % 100).\(number % 10)\(zeros)"
      case .day:
        return Self.day(number) + (type == "DATE" ? "" : " 00:00:00")
      case .text: return "v\(number)'\u{1F986}"
      }
    }

    /// A value as a payload has it.
    func literal(_ number: Int, _ type: String) -> String {
      switch self {
      case .key, .whole, .small: text(number, "")
      case .decimal: "\"\(text(number, "DECIMAL(4,1)"))\""
      case .day: "\"\(Self.day(number))\(type == "DATE" ? "" : "T00:00:00")\""
      case .text: "\"\(text(number, type))\""
      }
    }

    private static func day(_ number: Int) -> String {
      let (month, day) = (number % 12 + 1, number % 28 + 1)
      return "20\(10 + number % 80)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
  }

  struct Column: Sendable, Equatable {
    /// Another column of the same name is another one.
    let identity: Int
    var name: String
    let kind: Kind
    var width = 0
    /// What rows of older versions have.
    var initial: Int?
    /// What events have that leave it out.
    var absent: Int?

    var type: String { kind.types[width] }
    var canWiden: Bool { width + 1 < kind.types.count }
  }

  struct Version: Sendable {
    let begin: SnapshotID
    let columns: [Column]

    /// Names and types, as DESCRIBE tells them.
    var described: [[String]] { columns.map { [$0.name, $0.type] } }
  }

  private(set) var columns: [Column]
  private var versions: [Version] = []
  /// The version of each event's moment, by token from 1.
  private var versionOfEvent: [Int] = []
  private var nextIdentity = 3

  init() {
    columns = [
      Column(identity: 0, name: "id", kind: .key), Column(identity: 1, name: "note", kind: .text),
      Column(identity: 2, name: "amount", kind: .whole, initial: 7, absent: 7),
    ]
  }

  func definitions() throws -> [ColumnDefinition] {
    try columns.map { column in
      ColumnDefinition(
        name: column.name, type: try ColumnType(sql: column.type),
        isNullable: column.kind != .key,
        defaultValue: column.absent.map {
          ColumnDefault(catalogText: column.kind.text($0, column.type))
        })
    }
  }

  mutating func begin(at snapshot: SnapshotID) {
    versions.append(Version(begin: snapshot, columns: columns))
  }

  mutating func published(_ count: Int) {
    versionOfEvent += Array(repeating: versions.count - 1, count: count)
  }

  /// - Returns: nil before the table.
  func version(at snapshot: SnapshotID) -> Version? {
    versions.last { $0.begin <= snapshot }
  }

  // MARK: Values

  private enum Value {
    case leftOut, null
    case number(Int)
  }

  private static func value(_ note: String, _ column: Column) -> Value {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325 &+ UInt64(column.identity)
    for byte in note.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let number = Int(hash >> 20 & 0xfffff)
    return switch (hash >> 8) % 10 {
    case 0, 1: .leftOut
    case 2: .null
    default: .number(number)
    }
  }

  func payload(_ event: KeyedModel.Event) -> String {
    let members = columns.compactMap { column -> String? in
      if column.kind == .key { return "\"\(column.name)\":\(event.key)" }
      guard event.operation != .delete else { return nil }
      switch Self.value(event.note, column) {
      case .leftOut: return nil
      case .null: return "\"\(column.name)\":null"
      case .number(let number):
        return "\"\(column.name)\":\(column.kind.literal(number, column.type))"
      }
    }
    return "{\(members.joined(separator: ","))}"
  }

  /// Rows as a version shows them.
  func rows(_ rows: KeyedModel.Rows, _ version: Version) -> [[String?]] {
    rows.map { key, row in
      let written = versions[versionOfEvent[Int(row.token) - 1]].columns
      return version.columns.map { column in
        if column.kind == .key { return column.kind.text(key, column.type) }
        let then = written.first { $0.identity == column.identity }
        let number: Int? =
          if let then {
            switch Self.value(row.note, column) {
            case .leftOut: then.absent
            case .null: nil
            case .number(let number): number
            }
          } else {
            column.initial
          }
        return number.map { column.kind.text($0, column.type) }
      }
    }
  }
}

/// How a schema changes.
extension KeyedSchemas {
  private static let names = ["a", "b", "c", "d", "e", "F", "g_h"]

  /// Makes one change that is allowed in mode backward.
  ///
  /// - Returns: what is called otherwise now: the old names by the new ones.
  mutating func change(_ random: inout SeededGenerator) -> [String: String] {
    let others = columns.indices.filter { columns[$0].kind != .key }
    let free = Self.names.filter { name in !columns.contains { $0.name == name } }
    switch random.below(12) {
    case 0..<3 where !free.isEmpty && columns.count < 7:
      add(free[random.below(free.count)], &random)
    case 3..<5 where others.count > 1: columns.remove(at: others[random.below(others.count)])
    case 5..<8:
      let wide = columns.indices.filter { columns[$0].canWiden }
      if !wide.isEmpty { columns[wide[random.below(wide.count)]].width += 1 }
    case 8:
      let place = others[random.below(others.count)]
      columns[place].absent = random.chance(40) ? nil : random.below(1_000_000)
    case 9: columns.swapAt(0, random.below(columns.count))
    default: return rename(free, &random)
    }
    return [:]
  }

  private mutating func add(_ name: String, _ random: inout SeededGenerator) {
    let kinds = Kind.allCases.filter { $0 != .key }
    let value = random.chance(60) ? random.below(1_000_000) : nil
    columns.insert(
      Column(
        identity: nextIdentity, name: name, kind: kinds[random.below(kinds.count)],
        initial: value, absent: value), at: random.below(columns.count + 1))
    nextIdentity += 1
  }

  private mutating func rename(
    _ free: [String], _ random: inout SeededGenerator
  ) -> [String: String] {
    let place = random.below(columns.count)
    let old = columns[place].name
    let other = random.below(columns.count)
    if random.chance(30), other != place {
      columns[place].name = columns[other].name
      columns[other].name = old
      return [columns[place].name: old, old: columns[place].name]
    }
    guard !free.isEmpty else { return [:] }
    columns[place].name = free[random.below(free.count)]
    return [columns[place].name: old]
  }
}

import Model

/// How long a row is at least as a line of JSON, as SQL over the columns of a file.
///
/// A file of a few bytes can have rows of gigabytes, since it says once what it repeats. They are
/// found before anything of their size is made of them.
struct RowLength {
  private let columns: [(name: String, type: EngineType)]

  init(_ columns: [(name: String, type: String)]) {
    self.columns = columns.map { ($0.name, EngineType($0.type)) }
  }

  var sql: String {
    let lengths = columns.map { Self.length(of: SQLText.identifier($0.name), $0.type, nesting: 0) }
    return lengths.isEmpty ? "0" : lengths.joined(separator: " + ")
  }

  private static func length(of value: String, _ type: EngineType, nesting: Int) -> String {
    let length: String
    switch type {
    case .scalar(let name):
      guard let bytes = bytes(of: value, name) else { return "1" }
      length = bytes
    case .list(let element): length = list(value, element, nesting)
    case .structure(let fields):
      // Two braces, and each name with its quotes, its colon and all commas but one.
      let names = fields.reduce(fields.isEmpty ? 2 : 1) { $0 + $1.name.utf8.count + 4 }
      length = fields.reduce("\(names)") { sum, field in
        let member = "\(value).\(SQLText.identifier(field.name))"
        return sum + " + " + Self.length(of: member, field.type, nesting: nesting)
      }
    case .map(let key, let item):
      length =
        list("map_keys(\(value))", key, nesting) + " + "
        + list("map_values(\(value))", item, nesting)
    }
    return "(CASE WHEN \(value) IS NULL THEN 1 ELSE \(length) END)"
  }

  /// Of a text; nil for what has about the same length whatever its value is.
  private static func bytes(of value: String, _ type: String) -> String? {
    switch type {
    case "VARCHAR": "strlen(\(value))"
    case "JSON": "strlen(\(value)::VARCHAR)"
    case "BLOB": "octet_length(\(value))"
    default: type.hasPrefix("ENUM(") ? "strlen(\(value)::VARCHAR)" : nil
    }
  }

  private static func list(_ value: String, _ element: EngineType, _ nesting: Int) -> String {
    // Each lambda has a name of its own: one inside another sees both.
    let name = "e\(nesting)"
    let inner = length(of: name, element, nesting: nesting + 1)
    // A comma each; what is short whatever it is has a digit beside it.
    guard inner != "1" else { return "2 * len(\(value))" }
    return
      "len(\(value)) + coalesce(list_sum(list_transform(\(value), lambda \(name): \(inner))), 0)"
  }
}

/// A table's schema, as the server sent it, on its way to the next version.
struct SchemaEdit {
  private var columns: [[JSONValue.Member]]
  private(set) var isEdited = false

  init(_ table: JSONValue) {
    columns = (table["schema_json"]?["columns"]?.array ?? []).map { column in
      if case .object(let members) = column { members } else { [] }
    }
  }

  var json: JSONValue {
    .object([.init(name: "columns", value: .array(columns.map { .object($0) }))])
  }

  /// Renames first; all other options speak of columns by their new names.
  mutating func apply(_ arguments: ParsedArguments) throws(ToolFailure) {
    for text in arguments.all("--rename") {
      let (old, new) = try Self.pair(text, "--rename", arguments)
      let place = try place(of: old, arguments)
      set("renamed_from", .string(old), at: place)
      set("name", .string(new), at: place)
    }
    for text in arguments.all("--add") { try add(text, arguments) }
    for name in arguments.all("--drop") {
      columns.remove(at: try place(of: name, arguments))
      isEdited = true
    }
    for text in arguments.all("--type") {
      let (name, type) = try Self.pair(text, "--type", arguments)
      set("type", .string(type), at: try place(of: name, arguments))
    }
    for text in arguments.all("--default") {
      let (name, value) = try Self.pair(text, "--default", arguments)
      guard let json = try? JSONValue(parsing: Array(value.utf8)) else {
        throw .usage("--default takes NAME=JSON; text stands in quotes", command: arguments.command)
      }
      set("default", json, at: try place(of: name, arguments))
    }
    for name in arguments.all("--nullable") {
      set("nullable", .boolean(true), at: try place(of: name, arguments))
    }
    for text in arguments.all("--comment") {
      let (name, comment) = try Self.pair(text, "--comment", arguments)
      set(
        "comment", comment.isEmpty ? .null : .string(comment), at: try place(of: name, arguments))
    }
  }

  private mutating func add(
    _ declaration: String, _ arguments: ParsedArguments
  ) throws(ToolFailure) {
    guard let column = TableSchema.Column(declaration: declaration) else {
      throw .usage("--add takes 'NAME TYPE [not null]'", command: arguments.command)
    }
    columns.append([
      .init(name: "name", value: .string(column.name)),
      .init(name: "type", value: .string(column.typeName)),
      .init(name: "nullable", value: .boolean(column.isNullable)),
    ])
    isEdited = true
  }

  private func place(
    of name: String, _ arguments: ParsedArguments
  ) throws(ToolFailure) -> Int {
    let place = columns.firstIndex { column in
      column.contains { $0.name == "name" && $0.value == .string(name) }
    }
    guard let place else {
      throw .usage("the table has no column \"\(name)\"", command: arguments.command)
    }
    return place
  }

  private mutating func set(_ member: String, _ value: JSONValue, at place: Int) {
    isEdited = true
    if let index = columns[place].firstIndex(where: { $0.name == member }) {
      columns[place][index].value = value
    } else {
      columns[place].append(.init(name: member, value: value))
    }
  }

  private static func pair(
    _ text: String, _ option: String, _ arguments: ParsedArguments
  ) throws(ToolFailure) -> (String, String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw .usage("\(option) takes NAME=VALUE", command: arguments.command)
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }
}

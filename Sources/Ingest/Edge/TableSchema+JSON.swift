import Model
import SimdJSON

extension TableSchema {
  /// Reads the contract's `schema_json`: an object with the member `columns`, an array of objects
  /// with `name`, `type`, and perhaps `nullable`, `default` and `comment`.
  ///
  /// - Throws: `SchemaError`.
  package init(json: JSONValue) throws(SchemaError) {
    var columns: [ColumnDefinition] = []
    for element in try Self.elements(of: json) {
      columns.append(try ColumnDefinition(json: element))
    }
    try self.init(columns: columns)
  }

  /// The columns' own values, unread.
  static func elements(of json: JSONValue) throws(SchemaError) -> [JSONValue] {
    guard let members = json.members else {
      throw .malformed(expected: "\"schema_json\" must be an object with \"columns\"")
    }
    for member in members where member.name != "columns" { throw .unknownField(member.name) }
    guard let elements = json["columns"]?.elements else {
      throw .malformed(expected: "\"columns\" must be an array")
    }
    guard elements.count <= maxColumns else { throw .tooManyColumns }
    return elements
  }

  /// Writes the schema in the form that `init(json:)` reads.
  package func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("columns")
    writer.beginArray()
    for column in columns {
      writer.beginObject()
      writer.member("name", column.name)
      writer.member("type", column.type.sqlName)
      writer.member("nullable", column.isNullable)
      if let defaultValue = column.defaultValue {
        writer.name("default")
        defaultValue.write(to: &writer, as: column.type)
      }
      if let comment = column.comment { writer.member("comment", comment) }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }
}

extension ColumnDefinition {
  static let fields: Set<String> = ["name", "type", "nullable", "default", "comment"]

  /// - Parameter others: further members that the caller reads itself.
  init(json: JSONValue, others: Set<String> = []) throws(SchemaError) {
    guard let members = json.members else {
      throw .malformed(expected: "a column must be an object")
    }
    for member in members
    where !Self.fields.contains(member.name) && !others.contains(member.name) {
      throw .unknownField(member.name)
    }
    guard let name = json["name"]?.text else {
      throw .malformed(expected: "a column's \"name\" must be a string")
    }
    guard let spelling = json["type"]?.text else {
      throw .malformed(expected: "a column's \"type\" must be a string")
    }
    let type: ColumnType
    do throws(ColumnTypeError) {
      type = try ColumnType(sql: spelling)
    } catch {
      throw .column(name, .type(error))
    }
    guard let isNullable = json["nullable"].map(\.isTrue) ?? true else {
      throw .malformed(expected: "a column's \"nullable\" must be true or false")
    }
    var defaultValue: ColumnDefault?
    if let value = json["default"], value != .null {
      guard let accepted = ColumnDefault(json: value, type: type) else {
        throw .column(name, .defaultValue(expected: ColumnDefault.expectation(of: type)))
      }
      defaultValue = accepted
    }
    self.init(
      name: name, type: type, isNullable: isNullable, defaultValue: defaultValue,
      comment: try Self.comment(json["comment"], of: name))
  }

  private static func comment(
    _ value: JSONValue?, of column: String
  ) throws(SchemaError) -> String? {
    guard let value, value != .null else { return nil }
    guard let text = value.text else {
      throw .malformed(expected: "a column's \"comment\" must be a string")
    }
    guard (1...maxCommentBytes).contains(text.utf8.count), !text.utf8.contains(0) else {
      throw .column(column, .comment)
    }
    return text
  }
}

extension ColumnDefault {
  /// A default as a client writes it, held against the type as a payload's value would be.
  ///
  /// BLOB columns take none (the catalog's text form of bytes differs between engines), nor do
  /// nested ones (DuckLake has none for them), nor is there the string `NULL` for VARCHAR, by which
  /// the catalog says that there is no default.
  /// - Returns: nil when the column's type does not take the value.
  init?(json: JSONValue, type columnType: ColumnType) {
    guard case .scalar(let type) = columnType else { return nil }
    let kind: ValueKind
    var text: String
    switch json {
    case .null: return nil
    case .boolean(let value): (kind, text) = (.boolean, value ? "true" : "false")
    case .number(let number):
      (kind, text) = (number.utf8.contains { $0 > 0x39 || $0 == 0x2E } ? .real : .integer, number)
    case .string(let string): (kind, text) = (.string, string)
    case .array, .object:
      guard type == .json else { return nil }
      (kind, text) = (.object, "")
    }
    guard type != .blob else { return nil }
    if type == .json {
      var writer = JSONWriter()
      writer.value(json)
      self.init(catalogText: writer.text)
      return
    }
    let verdict = text.withUTF8 { utf8 in
      let bytes = UnsafeRawBufferPointer(utf8)
      return type.judge(kind, bytes, containsNUL: bytes.contains(0))
    }
    switch verdict {
    case .refused: return nil
    case .unchanged, .quotedText: break
    case .plainInteger, .decimalString:
      var plain: [UInt8] = []
      text.withUTF8 { DecimalText(UnsafeRawBufferPointer($0)).appendPlain(to: &plain) }
      text = String(decoding: plain, as: UTF8.self)
    }
    if type == .timestampTZ, let instant = Timestamp(parsing: text) { text = instant.catalogText }
    guard text != Self.absentCatalogText else { return nil }
    self.init(catalogText: text)
  }

  static func expectation(of type: ColumnType) -> String {
    switch type {
    case .list, .structure, .map: "possible for a LIST, STRUCT or MAP column"
    case .scalar(.blob): "possible for a BLOB column"
    case .scalar(let scalar): scalar.expectation
    }
  }

  func write(to writer: inout JSONWriter, as type: ColumnType) {
    switch type {
    case .varchar, .blob, .date, .time, .timestamp, .timestampS, .timestampMS, .timestampNS, .uuid,
      .scalar(.decimal):
      writer.string(catalogText)
    case .timestampTZ: writer.string(Timestamp(parsing: catalogText)?.rfc3339 ?? catalogText)
    default: writer.raw(catalogText)
    }
  }
}

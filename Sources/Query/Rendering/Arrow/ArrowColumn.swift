import DuckDB

/// A column of a stream, or a part of one, with the number of its dictionary if it has one.
struct ArrowColumn {
  let field: DuckDBArrowField
  /// Of a dictionary-encoded column the type of its indexes.
  let type: ArrowType
  let children: [ArrowColumn]
  let dictionary: Dictionary?

  struct Dictionary {
    let id: Int64
    /// The values, as a list of one.
    let values: [ArrowColumn]
  }

  /// - Parameter nextDictionary: counts the dictionaries of the stream.
  init(_ field: DuckDBArrowField, nextDictionary: inout Int64) throws(DuckDBError) {
    self.field = field
    type = try ArrowType(field)
    var children: [ArrowColumn] = []
    for child in field.children {
      children.append(try ArrowColumn(child, nextDictionary: &nextDictionary))
    }
    self.children = children
    guard let values = field.dictionary.first else {
      dictionary = nil
      return
    }
    let id = nextDictionary
    nextDictionary += 1
    dictionary = Dictionary(
      id: id, values: [try ArrowColumn(values, nextDictionary: &nextDictionary)])
  }

  /// The table `Field` of Arrow's Schema.fbs.
  var description: [FlatBuffer.Field] {
    // A dictionary-encoded field has the type of its values; the indexes' stands beside it.
    let shown = dictionary?.values.first ?? self
    var fields: [FlatBuffer.Field] = [
      .init(0, .text(field.name)), .init(1, .bool(field.isNullable)),
      .init(2, .byte(shown.type.number)), .init(3, .table(shown.type.fields)),
      .init(5, .tables(shown.children.map(\.description))),
    ]
    if let dictionary {
      fields.append(
        .init(4, .table([.init(0, .long(dictionary.id)), .init(1, .table(type.fields))])))
    }
    if !field.annotations.isEmpty {
      fields.append(
        .init(
          6,
          .tables(
            field.annotations.map { [.init(0, .text($0.key)), .init(1, .text($0.value))] })))
    }
    return fields
  }
}

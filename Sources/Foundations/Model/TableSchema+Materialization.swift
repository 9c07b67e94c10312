extension TableSchema {
  /// The typed columns as a SELECT list over `materializationSource`.
  ///
  /// Each expression carries its column's name. Payloads must be those that the edge hands on: it
  /// has checked every value and has put decimals, large numbers and JSON into strings where a
  /// JSON number would lose digits, so that no cast here can fail or round.
  package var materializationProjection: String {
    columns.map { column in
      let name = SQLText.identifier(column.name)
      return "\(Self.expression(for: column)) AS \(name)"
    }.joined(separator: ", ")
  }

  /// The values of some columns, as SQL expressions over `materializationSource`.
  ///
  /// - Parameter names: of columns of the schema; the expressions are in their order.
  package func materializationExpressions(of names: [String]) -> [String] {
    names.compactMap { column(named: $0).map(Self.expression) }
  }

  /// The FROM item for `materializationProjection`.
  ///
  /// - Parameter relation: SQL of a relation with the columns `position BIGINT` and
  ///   `payload VARCHAR`, and perhaps others. All of them can be selected or ordered by beside the
  ///   projection, as `materialization.position`.
  /// - Parameter names: the columns whose values are asked for; all when nil.
  package func materializationSource(over relation: String, of names: [String]? = nil) -> String {
    let asked = names.map { names in names.compactMap(column(named:)) } ?? columns
    let members = asked.map { "\"\($0.name)\":\"\($0.type.transformName)\"" }
    let structure = SQLText.literal("{" + members.joined(separator: ",") + "}")
    return """
      (SELECT *, json_transform(payload, \(structure)) AS record \
      FROM \(relation)) AS materialization
      """
  }

  private static func expression(for column: ColumnDefinition) -> String {
    let field = "materialization.record.\(SQLText.identifier(column.name))"
    let value = column.type.materialization(of: field)
    guard let defaultValue = column.defaultValue else { return value }
    // json_transform gives NULL for a null and for no member; only the latter takes the default.
    let path = SQLText.literal("$.\(SQLText.identifier(column.name))")
    let isMissing = "json_type(materialization.payload, \(path)) IS NULL"
    return """
      CASE WHEN \(field) IS NULL AND \(isMissing) THEN \(defaultValue.sql(as: column.type)) \
      ELSE \(value) END
      """
  }
}

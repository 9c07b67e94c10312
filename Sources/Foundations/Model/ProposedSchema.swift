/// What a client wants a table's schema to become: all its columns, and which of them have another
/// name now.
package struct ProposedSchema: Sendable, Equatable {
  package let schema: TableSchema
  /// The present name of a column by the name that it is to have; columns without an entry keep
  /// theirs or are new.
  package let renamedFrom: [String: String]

  package init(schema: TableSchema, renamedFrom: [String: String] = [:]) {
    self.schema = schema
    self.renamedFrom = renamedFrom
  }
}

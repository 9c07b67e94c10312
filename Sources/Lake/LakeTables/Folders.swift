/// Folder names below the lake's root: ids, never names, so a rename moves nothing.
package enum Folders {
  package static func tenant(schema: Int64) -> String { "schema-\(schema)/" }
  package static func table(schema: Int64, table: Int64) -> String {
    tenant(schema: schema) + "table-\(table)/"
  }
}

/// The tables that a statement names, for the server to look up.
package struct NeedMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.need

  /// As written, without doubles when case is ignored.
  package let tables: [String]
  /// Whether the statement looks at the list of tables (`SHOW TABLES`, `information_schema`).
  package let wantsListing: Bool
  /// Rows that do not fulfil these may be left out of their tables.
  package let filters: [ScanFilter]

  package init(tables: [String], wantsListing: Bool, filters: [ScanFilter] = []) {
    self.tables = tables
    self.wantsListing = wantsListing
    self.filters = filters
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(list: tables) { $0.put($1) }
    writer.put(wantsListing)
    writer.put(list: filters) { $1.encode(into: &$0) }
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    tables = try reader.list { reader throws(FrameError) in try reader.string() }
    wantsListing = try reader.bool()
    filters = try reader.list { reader throws(FrameError) in try ScanFilter(from: &reader) }
  }
}

/// A column as `information_schema` shows it.
package struct ListedColumn: Sendable, Equatable {
  package let name: String
  /// A DuckDB type name.
  package let type: String
  package let isNullable: Bool
  /// For people.
  package let defaultText: String?
  package let comment: String?

  package init(
    name: String, type: String, isNullable: Bool = true, defaultText: String? = nil,
    comment: String? = nil
  ) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.defaultText = defaultText
    self.comment = comment
  }
}

/// What stands behind a table name in one query: SQL written by the server and trusted.
package struct RelationDefinition: Sendable, Equatable {
  /// The table's name as kept by the catalog.
  package let name: String
  /// A complete SELECT over the table's files; its columns are the table's, in order.
  package let select: String
  /// Statements to run first, such as temporary tables of deleted positions.
  package let setup: [String]

  package init(name: String, select: String, setup: [String] = []) {
    self.name = name
    self.select = select
    self.setup = setup
  }
}

/// A table as `SHOW TABLES` and `information_schema` show it; its rows are not reachable through
/// this.
package struct ListedTable: Sendable, Equatable {
  package let name: String
  package let columns: [ListedColumn]
  package let comment: String?

  package init(name: String, columns: [ListedColumn], comment: String? = nil) {
    self.name = name
    self.columns = columns
    self.comment = comment
  }
}

/// What the server found behind the names.
package struct ResolvedRelations: Sendable, Equatable {
  package var relations: [RelationDefinition]
  /// All tables of the tenant; read only when the listing was wanted.
  package var listing: [ListedTable]

  package init(relations: [RelationDefinition], listing: [ListedTable] = []) {
    self.relations = relations
    self.listing = listing
  }
}

/// The server's answer to `NeedMessage`.
package enum RelationsMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.relations

  case resolved(ResolvedRelations)
  /// There will be no relations: the query is given up, the worker stays.
  case abandoned

  package func encode(into writer: inout MessageWriter) {
    guard case .resolved(let resolved) = self else {
      writer.put(false)
      return
    }
    writer.put(true)
    writer.put(list: resolved.relations) { writer, relation in
      writer.put(relation.name)
      writer.put(relation.select)
      writer.put(list: relation.setup) { $0.put($1) }
    }
    writer.put(list: resolved.listing) { writer, table in
      writer.put(table.name)
      writer.put(list: table.columns) { writer, column in
        writer.put(column.name)
        writer.put(column.type)
        writer.put(column.isNullable)
        writer.put(column.defaultText)
        writer.put(column.comment)
      }
      writer.put(table.comment)
    }
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    guard try reader.bool() else {
      self = .abandoned
      return
    }
    let relations = try reader.list { reader throws(FrameError) in
      RelationDefinition(
        name: try reader.string(), select: try reader.string(),
        setup: try reader.list { reader throws(FrameError) in try reader.string() })
    }
    let listing = try reader.list { reader throws(FrameError) in
      ListedTable(
        name: try reader.string(),
        columns: try reader.list { reader throws(FrameError) in
          ListedColumn(
            name: try reader.string(), type: try reader.string(), isNullable: try reader.bool(),
            defaultText: try reader.optionalString(), comment: try reader.optionalString())
        },
        comment: try reader.optionalString())
    }
    self = .resolved(ResolvedRelations(relations: relations, listing: listing))
  }
}

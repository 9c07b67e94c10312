import WorkerProtocol

/// Walks a statement's syntax tree and collects what it uses; refuses what is not on the lists.
struct SyntaxWalk {
  /// The engine's own parser stops at 1,000 nested expressions.
  static let maximumDepth = 20_000

  /// Names of WITH that can be seen from here, innermost last, in lower case.
  private var commonTables: [String] = []
  private var seenTables: Set<String> = []
  private(set) var tables: [String] = []
  private(set) var wantsListing = false
  private(set) var parameterNames: Set<String> = []
  private(set) var conditions = ScanConditions()
  /// Whether our own list of tables may be named: in texts that `CatalogListing` has pointed there.
  private let seesListing: Bool

  init(seesListing: Bool = false) {
    self.seesListing = seesListing
  }

  mutating func walk(statement: JSONValue) throws(QueryFailure) {
    guard let node = statement["node"] else { throw Self.notAllowed("this statement") }
    for member in try members(of: statement)
    where member.value.isContainer && member.name != "node" && member.name != "named_param_map" {
      throw Self.notAllowed("this statement")
    }
    try walk(query: node)
  }

  private mutating func walk(query: JSONValue) throws(QueryFailure) {
    let type = try name("type", of: query)
    guard let grammar = SyntaxGrammar.queryNodes[type] else {
      throw Self.notAllowed("\(Self.readable(type)) inside a query")
    }
    let visible = commonTables.count
    defer { commonTables.removeLast(commonTables.count - visible) }
    if let map = query["cte_map"]?["map"] {
      try open(commonTables: map)
    }
    // The engine looks a recursive name up from inside its own definition.
    if type == "RECURSIVE_CTE_NODE" {
      commonTables.append(Self.folded(try name("cte_name", of: query)))
    }
    if type == "SELECT_NODE" {
      let shadowed = commonTables
      conditions.gather(from: query) { name, schema, catalog in
        catalog.isEmpty && ["", "main"].contains(Self.folded(schema))
          && !(schema.isEmpty && shadowed.contains(Self.folded(name)))
      }
    }
    try walk(membersOf: query, by: grammar)
  }

  private mutating func open(commonTables map: JSONValue) throws(QueryFailure) {
    for entry in map.array ?? [] {
      let name = try name("key", of: entry)
      guard !Self.looksLikeFile(name) else { throw Self.notAllowed("a name like a file's") }
      guard let definition = entry["value"], let query = definition["query_node"] else {
        throw Self.notAllowed("this WITH")
      }
      for member in try members(of: definition) where member.value.isContainer {
        switch member.name {
        case "aliases", "query_node": break
        case "key_targets": try walk(.expressions, member.value)
        default: throw Self.notAllowed("this WITH")
        }
      }
      try walk(query: query)
      commonTables.append(Self.folded(name))
    }
  }

  private mutating func walk(
    membersOf node: JSONValue, by grammar: SyntaxGrammar.Members
  ) throws(QueryFailure) {
    for member in try members(of: node) where member.value.isContainer {
      if let slot = grammar[member.name] {
        try walk(slot, member.value)
      } else if !member.value.isEmpty && member.name != "qualified_name" {
        throw Self.notAllowed("this form of statement")
      }
    }
  }

  private mutating func walk(
    _ slot: SyntaxGrammar.Slot, _ value: JSONValue
  ) throws(QueryFailure) {
    switch slot {
    case .plain, .commonTables: break
    case .expression: try walk(expression: value)
    case .expressions: for element in value.array ?? [] { try walk(expression: element) }
    case .expressionRows: for row in value.array ?? [] { try walk(.expressions, row) }
    case .query: try walk(query: value)
    case .queries: for element in value.array ?? [] { try walk(query: element) }
    case .statement: try walk(statement: value)
    case .table: try walk(table: value)
    case .modifiers: for element in value.array ?? [] { try walk(modifier: element) }
    case .orders:
      for element in (value["orders"] ?? value).array ?? [] {
        try walk(expressions: ["expression"], of: element)
      }
    case .arguments:
      for element in value.array ?? [] { try walk(expressions: ["expression"], of: element) }
    case .keyedExpressions:
      for element in value.array ?? [] { try walk(expressions: ["value"], of: element) }
    case .cases:
      for element in value.array ?? [] {
        try walk(expressions: ["when_expr", "then_expr"], of: element)
      }
    case .pivots: for element in value.array ?? [] { try walk(pivot: element) }
    }
  }

  /// The members of a helper object: expressions under the given names, nothing else that runs.
  private mutating func walk(
    expressions names: [String], of holder: JSONValue
  ) throws(QueryFailure) {
    for member in try members(of: holder) where member.value.isContainer {
      if names.contains(member.name) {
        try walk(expression: member.value)
      } else if member.name != "key" {
        throw Self.notAllowed("this form of statement")
      }
    }
  }

  private mutating func walk(modifier: JSONValue) throws(QueryFailure) {
    guard let grammar = SyntaxGrammar.modifiers[try name("type", of: modifier)] else {
      throw Self.notAllowed("this form of statement")
    }
    try walk(membersOf: modifier, by: grammar)
  }

  private mutating func walk(pivot: JSONValue) throws(QueryFailure) {
    for member in try members(of: pivot) where member.value.isContainer {
      switch member.name {
      case "pivot_expressions": try walk(.expressions, member.value)
      case "unpivot_names": break
      case "entries":
        for entry in member.value.array ?? [] {
          for part in try members(of: entry) where part.value.isContainer {
            switch part.name {
            case "values": break
            case "star_expr", "expr": try walk(expression: part.value)
            default: throw Self.notAllowed("this PIVOT")
            }
          }
        }
      default:
        throw Self.notAllowed("a PIVOT without the values in its IN list")
      }
    }
  }

  // MARK: - Expressions

  private mutating func walk(expression: JSONValue) throws(QueryFailure) {
    let kind = try name("class", of: expression)
    guard let grammar = SyntaxGrammar.expressions[kind] else {
      throw Self.notAllowed("this kind of expression")
    }
    switch kind {
    case "FUNCTION", "WINDOW":
      try check(function: expression, allows: FunctionAllowlist.allows)
    case "PARAMETER":
      parameterNames.insert(try name("identifier", of: expression))
    case "TYPE":
      // A state is the engine's memory as bytes: nothing that a value may be turned into.
      guard Self.folded(try name("type_name", of: expression)) != "aggregate_state" else {
        throw Self.notAllowed("the type AGGREGATE_STATE")
      }
    default: break
    }
    try walk(membersOf: expression, by: grammar)
  }

  private func check(
    function: JSONValue, allows: (String) -> Bool
  ) throws(QueryFailure) {
    let name = try name("function_name", of: function)
    guard allows(Self.folded(name)) else {
      throw Self.notAllowed("the function \(Self.quoted(name))")
    }
    guard function["export_state"] != .bool(true) else {
      throw Self.notAllowed("EXPORT_STATE")
    }
  }

  // MARK: - Tables

  private mutating func walk(table: JSONValue) throws(QueryFailure) {
    let type = try name("type", of: table)
    guard let grammar = SyntaxGrammar.tables[type] else {
      throw Self.notAllowed("\(Self.readable(type)) in FROM")
    }
    switch type {
    case "BASE_TABLE": try check(baseTable: table)
    case "TABLE_FUNCTION":
      try check(tableFunction: table)
      return
    case "SHOW_REF": try check(show: table)
    default: break
    }
    try walk(membersOf: table, by: grammar)
  }

  private mutating func check(tableFunction table: JSONValue) throws(QueryFailure) {
    guard let function = table["function"], try name("class", of: function) == "FUNCTION" else {
      throw Self.notAllowed("this form of statement")
    }
    try check(function: function, allows: FunctionAllowlist.allowsInFrom)
    try walk(membersOf: function, by: SyntaxGrammar.expressions["FUNCTION"] ?? [:])
    for member in try members(of: table)
    where member.value.isContainer && member.name != "function" {
      guard member.name == "column_name_alias" || member.name == "sample" else {
        throw Self.notAllowed("this form of statement")
      }
    }
  }

  private mutating func check(baseTable table: JSONValue) throws(QueryFailure) {
    guard table["at_clause"] == nil else {
      throw Self.notAllowed("AT (…): a query's snapshot is chosen in the request")
    }
    try use(
      table: try name("table_name", of: table), schema: table["schema_name"]?.string ?? "",
      catalog: table["catalog_name"]?.string ?? "")
  }

  private mutating func check(show table: JSONValue) throws(QueryFailure) {
    let name = table["table_name"]?.string ?? ""
    let schema = table["schema_name"]?.string ?? ""
    switch table["show_type"]?.string {
    case "DESCRIBE", "SUMMARY":
      guard table["query"] != nil else { throw Self.notAllowed("this form of statement") }
    case "SHOW":
      try use(table: name, schema: schema, catalog: table["catalog_name"]?.string ?? "")
    case "SHOW_SPECIAL" where name == "\"tables\"" || name == "__show_tables_expanded":
      wantsListing = true
    default:
      throw Self.notAllowed("this SHOW; SHOW TABLES and DESCRIBE are there")
    }
  }

  private mutating func use(
    table name: String, schema: String, catalog: String
  ) throws(QueryFailure) {
    let key = Self.folded(name)
    let schema = Self.folded(schema)
    guard catalog.isEmpty else { throw Self.notAllowed("a name with a catalog") }
    switch schema {
    case "" where commonTables.contains(key): return
    case "recurring" where commonTables.contains(key): return
    case CatalogListing.shownSchema where CatalogListing.relations.contains(key):
      wantsListing = true
      return
    case CatalogListing.schema
    where seesListing
      && (CatalogListing.relations.contains(key) || key == CatalogListing.expanded):
      return
    case "", "main": break
    default: throw Self.notAllowed("the schema \(Self.quoted(schema))")
    }
    guard !Self.looksLikeFile(name) else { throw Self.notAllowed("a file in place of a table") }
    guard Self.isTableName(name) else { throw Self.noSuchTable(name) }
    conditions.mention(table: name)
    if seenTables.insert(key).inserted {
      tables.append(name)
    }
  }
}

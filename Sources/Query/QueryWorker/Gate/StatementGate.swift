import DuckDB
import WorkerProtocol

/// Decides whether a tenant's statement may be prepared at all.
///
/// Preparing folds constants and opens files, so everything is decided on the parsed statement
/// before. **Invariant:** a text that passes is exactly one query over the tenant's tables, calling
/// listed functions only; it changes nothing, and reaches no file, setting or other session.
package struct StatementGate {
  /// A list of 128k values makes a tree of about 17 MB.
  private static let maximumTreeBytes = 32 << 20

  /// Only parses; never sees a tenant's table.
  let connection: DuckDBConnection
  private let serialize: DuckDBStatement
  private let passed = PassedStatements()

  package init(_ connection: DuckDBConnection) throws(DuckDBError) {
    self.connection = connection
    serialize = try connection.prepare(
      "SELECT json_serialize_sql($1, skip_null := true, skip_empty := true)")
  }

  /// - Throws: `invalidSQL`, `sqlNotAllowed`, `tableNotFound`.
  package func check(_ sql: String) throws(QueryFailure) -> GatedStatement {
    if let known = passed.find(sql) { return known }
    let statement = try parsed(sql)
    passed.keep(statement, of: sql)
    return statement
  }

  private func parsed(_ sql: String) throws(QueryFailure) -> GatedStatement {
    guard sql.utf8.count <= WorkerQuery.maximumSQLBytes else {
      throw QueryFailure(
        .invalidSQL, "a statement has at most \(WorkerQuery.maximumSQLBytes) bytes")
    }
    guard !sql.utf8.contains(0) else {
      throw QueryFailure(.invalidSQL, "a statement holds no NUL character")
    }
    let (explain, written) = try ExplainPrefix.split(sql)
    try checkCount(written)
    let tree = try syntaxTree(of: written)
    var walk = SyntaxWalk()
    try walk.walk(statement: tree)
    let parameters = Self.parameterUse(walk.parameterNames)
    let statement = walk.wantsListing ? try pointed(written, tree, walk) : written
    let text = explain.map { $0.prefix + statement } ?? statement
    if explain != nil {
      try checkCount(text)
    }
    return GatedStatement(
      text: text, explain: explain, tables: walk.tables, wantsListing: walk.wantsListing,
      conditions: walk.conditions.conditions, parameters: parameters)
  }

  /// The statement with our own list of tables in place of the engine's, walked once more.
  private func pointed(
    _ written: String, _ tree: JSONValue, _ walk: SyntaxWalk
  ) throws(QueryFailure) -> String {
    let refusal = SyntaxWalk.notAllowed(
      "the list of tables in this place; information_schema.tables has it")
    guard
      let text = CatalogListing.replacement(forStatement: tree) ?? CatalogListing.pointed(written)
    else { throw refusal }
    try checkCount(text)
    var second = SyntaxWalk(seesListing: true)
    try second.walk(statement: try syntaxTree(of: text))
    guard !second.wantsListing, second.tables == walk.tables,
      second.parameterNames == walk.parameterNames
    else { throw refusal }
    return text
  }

  private func checkCount(_ text: String) throws(QueryFailure) {
    let count: Int
    do throws(DuckDBError) {
      count = try connection.extractStatements(text).count
    } catch {
      if Self.mixesParameters(error.message) { throw Self.mixedParameters }
      throw FailureMapping.failure(of: error, otherwise: .invalidSQL)
    }
    guard count == 1 else {
      throw QueryFailure(.sqlNotAllowed, "a query is exactly one statement")
    }
  }

  private func syntaxTree(of statement: String) throws(QueryFailure) -> JSONValue {
    let document: JSONValue
    do {
      try serialize.bind(positional: [.string(statement)])
      let answer = try serialize.execute(streaming: false).readTable(maximumRows: 1)
      guard case .string(let text)? = answer.rows.first?.first else {
        throw QueryFailure(.invalidSQL, "the statement cannot be parsed")
      }
      guard text.utf8.count <= Self.maximumTreeBytes else {
        throw QueryFailure(.invalidSQL, "the statement is too large to check")
      }
      document = try JSONParser.parse(Array(text.utf8), maximumDepth: SyntaxWalk.maximumDepth)
    } catch let error as DuckDBError {
      throw FailureMapping.failure(of: error, otherwise: .invalidSQL)
    } catch let error as QueryFailure {
      throw error
    } catch {
      throw QueryFailure(.invalidSQL, "the statement is nested too deeply")
    }
    guard document["error"] == .bool(false) else { throw Self.refusal(document) }
    guard let statements = document["statements"]?.array, statements.count == 1 else {
      throw QueryFailure(.sqlNotAllowed, "a query is exactly one statement")
    }
    return statements[0]
  }

  /// What the engine says of a text that it cannot give as a query's tree.
  private static func refusal(_ document: JSONValue) -> QueryFailure {
    let message = document["error_message"]?.string ?? "the statement cannot be parsed"
    guard document["error_type"]?.string == "not implemented" else {
      return QueryFailure(.invalidSQL, FailureMapping.scrubbed(message))
    }
    if mixesParameters(message) { return mixedParameters }
    return QueryFailure(
      .sqlNotAllowed,
      "only SELECT, DESCRIBE, SUMMARIZE, SHOW TABLES and EXPLAIN of them are queries; "
        + "PIVOT needs its values in an IN list")
  }

  private static func mixesParameters(_ message: String) -> Bool {
    message.contains("Mixing named and positional parameters")
  }

  private static var mixedParameters: QueryFailure {
    QueryFailure(.parametersInvalid, "? and $name cannot be mixed in one statement")
  }

  private static func parameterUse(_ names: Set<String>) -> ParameterUse {
    if names.isEmpty { return .none }
    let numbers = names.compactMap { Int($0) }
    // The engine refuses a mixture, so the first tells for all.
    guard numbers.count == names.count else { return .named(names) }
    return .positional(count: numbers.max() ?? 0)
  }
}

import DuckDB
import WorkerProtocol

/// Gathers what a statement's WHERE clauses ask of a table's columns by themselves, so that files
/// without such a row need not be read.
///
/// **Invariant:** leaving out rows of a table that do not fulfil its conditions changes no result.
/// So they are taken only from a clause whose FROM names the table itself, once in the whole
/// statement, without a sample, renamed columns or a join that looks at places or neighbours; and
/// only comparisons with constants that no null fulfils.
package struct ScanConditions {
  /// A constant, or a parameter that becomes one.
  package enum Operand: Equatable {
    case constant(ScanConstant)
    case parameter(String)
  }

  package struct Condition: Equatable {
    package let table: String
    package let column: String
    package let comparison: ScanFilter.Comparison
    package let operands: [Operand]
  }

  private struct Source {
    let table: String
    /// As columns may be qualified by.
    let alias: String
  }

  private var mentions: [String: Int] = [:]
  private var found: [Condition] = []

  /// The conditions of tables that the statement names once.
  var conditions: [Condition] {
    Array(
      found.filter { mentions[SyntaxWalk.folded($0.table)] == 1 }
        .prefix(ScanFilter.maximumFilters))
  }

  mutating func mention(table: String) { mentions[SyntaxWalk.folded(table), default: 0] += 1 }

  /// - Parameter isTable: whether a name in FROM is a table of the tenant.
  mutating func gather(
    from select: JSONValue, isTable: (_ name: String, _ schema: String, _ catalog: String) -> Bool
  ) {
    guard let condition = select["where_clause"], let from = select["from_table"],
      select["sample"]?.isEmpty ?? true, let sources = Self.sources(of: from, isTable)
    else { return }
    for part in Self.conjuncts(condition) { gather(part, sources) }
  }

  private mutating func gather(_ part: JSONValue, _ sources: [Source?]) {
    switch part["class"]?.string {
    case "COMPARISON":
      guard let left = part["left"], let right = part["right"],
        let comparison = Self.comparisons[part["type"]?.string ?? ""]
      else { return }
      append(left, comparison, [right], sources)
      append(right, Self.mirrored(comparison), [left], sources)
    case "BETWEEN":
      guard let input = part["input"], let lower = part["lower"], let upper = part["upper"],
        part["type"]?.string == "COMPARE_BETWEEN"
      else { return }
      append(input, .isGreaterOrEqual, [lower], sources)
      append(input, .isLessOrEqual, [upper], sources)
    case "OPERATOR":
      guard part["type"]?.string == "COMPARE_IN", let children = part["children"]?.array,
        let column = children.first
      else { return }
      append(column, .isIn, Array(children.dropFirst()), sources)
    default: return
    }
  }

  private mutating func append(
    _ column: JSONValue, _ comparison: ScanFilter.Comparison, _ operands: [JSONValue],
    _ sources: [Source?]
  ) {
    guard column["class"]?.string == "COLUMN_REF",
      let names = column["column_names"]?.array?.compactMap(\.string),
      !operands.isEmpty, operands.count <= ScanFilter.maximumConstants
    else { return }
    let known = operands.compactMap(Self.operand)
    guard known.count == operands.count else { return }
    let source: Source?
    switch names.count {
    // Another table's column may be meant by a name alone.
    case 1: source = sources.count == 1 ? sources[0] : nil
    case 2:
      let named = sources.filter {
        $0.map { SyntaxWalk.folded($0.alias) == SyntaxWalk.folded(names[0]) } ?? false
      }
      source = named.count == 1 ? named[0] : nil
    default: source = nil
    }
    guard let source, let name = names.last else { return }
    found.append(
      Condition(
        table: source.table, column: name, comparison: comparison, operands: known))
  }

  private static let comparisons: [String: ScanFilter.Comparison] = [
    "COMPARE_EQUAL": .isIn, "COMPARE_LESSTHAN": .isLess,
    "COMPARE_LESSTHANOREQUALTO": .isLessOrEqual, "COMPARE_GREATERTHAN": .isGreater,
    "COMPARE_GREATERTHANOREQUALTO": .isGreaterOrEqual,
  ]

  private static func mirrored(_ comparison: ScanFilter.Comparison) -> ScanFilter.Comparison {
    switch comparison {
    case .isIn: .isIn
    case .isLess: .isGreater
    case .isLessOrEqual: .isGreaterOrEqual
    case .isGreater: .isLess
    case .isGreaterOrEqual: .isLessOrEqual
    }
  }

  private static func conjuncts(_ expression: JSONValue) -> [JSONValue] {
    guard expression["class"]?.string == "CONJUNCTION",
      expression["type"]?.string == "CONJUNCTION_AND"
    else { return [expression] }
    return (expression["children"]?.array ?? []).flatMap(conjuncts)
  }

  /// What a FROM item brings: the tables of the tenant, nil for anything else.
  ///
  /// - Returns: nil when rows of a table cannot be left out there.
  private static func sources(
    of from: JSONValue, _ isTable: (String, String, String) -> Bool
  ) -> [Source?]? {
    guard from["sample"]?.isEmpty ?? true, from["column_name_alias"]?.isEmpty ?? true else {
      return nil
    }
    switch from["type"]?.string {
    case "BASE_TABLE":
      let name = from["table_name"]?.string ?? ""
      let isOwn = isTable(
        name, from["schema_name"]?.string ?? "", from["catalog_name"]?.string ?? "")
      let alias = from["alias"]?.string ?? ""
      return [isOwn ? Source(table: name, alias: alias.isEmpty ? name : alias) : nil]
    case "JOIN":
      guard ["REGULAR", "CROSS"].contains(from["ref_type"]?.string),
        ["INNER", "LEFT", "RIGHT"].contains(from["join_type"]?.string),
        from["alias"]?.string ?? "" == "", let left = from["left"], let right = from["right"],
        let leftSources = sources(of: left, isTable), let rightSources = sources(of: right, isTable)
      else { return nil }
      return leftSources + rightSources
    case "SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST": return [nil]
    default: return nil
    }
  }

  private static func operand(_ expression: JSONValue) -> Operand? {
    switch expression["class"]?.string {
    case "PARAMETER": return expression["identifier"]?.string.map(Operand.parameter)
    case "CONSTANT":
      guard let text = literal(expression) else { return nil }
      switch expression["literal"]?["kind"]?.string {
      case "INTEGER": return .constant(.integer(text))
      case "STRING": return .constant(.text(text))
      default: return nil
      }
    case "CAST":
      guard expression["try_cast"] == .bool(false), let child = expression["child"],
        child["class"]?.string == "CONSTANT", child["literal"]?["kind"]?.string == "STRING",
        let text = literal(child), let type = expression["type_expr"],
        type["class"]?.string == "TYPE", type["children"]?.isEmpty ?? true,
        let name = type["type_name"]?.string?.uppercased(),
        ["DATE", "TIMESTAMP", "TIMESTAMPTZ"].contains(name)
      else { return nil }
      return .constant(.typed(text: text, type: name))
    default: return nil
    }
  }

  private static func literal(_ constant: JSONValue) -> String? {
    guard let text = constant["literal"]?["text"]?.string,
      text.utf8.count <= ScanConstant.maximumBytes
    else { return nil }
    return text
  }
}

extension ScanConditions.Condition {
  /// - Returns: nil where an operand is no constant after all, or only some of them are known.
  func filter(_ parameters: ParameterValues) -> ScanFilter? {
    let constants = operands.compactMap { operand in
      switch operand {
      case .constant(let constant): constant
      case .parameter(let name): parameters.scanConstant(name)
      }
    }
    guard constants.count == operands.count else { return nil }
    return ScanFilter(
      table: table, column: column, comparison: comparison, constants: constants)
  }
}

extension ParameterValues {
  /// A parameter's value, where files can be held against it.
  fileprivate func scanConstant(_ name: String) -> ScanConstant? {
    let value: DuckDBValue? =
      switch self {
      case .none: nil
      case .named(let values): values[SyntaxWalk.folded(name)]
      case .positional(let values):
        Int(name).flatMap { values.indices.contains($0 - 1) ? values[$0 - 1] : nil }
      }
    switch value {
    case .int64(let number): return .integer(String(number))
    case .string(let text) where text.utf8.count <= ScanConstant.maximumBytes: return .text(text)
    default: return nil
    }
  }
}

/// What the members of a node of the engine's syntax tree may hold.
///
/// The tree (`json_serialize_sql`) is walked by this table: a node that is not in it is refused,
/// and
/// so is a member that is not in it and holds more than a plain value. So a kind of statement that
/// a later engine hides in a new place is refused, not overlooked.
enum SyntaxGrammar {
  enum Slot {
    /// Names, options and literals: nothing that runs.
    case plain
    case expression, expressions, expressionRows
    /// `[{name?, expression}]`
    case arguments
    /// `[{key, value: expression}]`
    case keyedExpressions
    /// `[{when_expr, then_expr}]`
    case cases
    /// `[{expression}]`, or an order modifier that holds them
    case orders
    case modifiers
    case query, queries
    /// `{node}`
    case statement
    case table
    case pivots
    /// Opened before the rest of its node, because it names what the rest may use.
    case commonTables
  }

  typealias Members = [String: Slot]

  static let queryNodes: [String: Members] = [
    "SELECT_NODE": [
      "cte_map": .commonTables, "modifiers": .modifiers, "select_list": .expressions,
      "from_table": .table, "where_clause": .expression, "group_expressions": .expressions,
      "group_sets": .plain, "having": .expression, "qualify": .expression, "sample": .plain,
    ],
    "SET_OPERATION_NODE": [
      "cte_map": .commonTables, "modifiers": .modifiers, "children": .queries,
    ],
    "RECURSIVE_CTE_NODE": [
      "cte_map": .commonTables, "modifiers": .modifiers, "left": .query, "right": .query,
      "aliases": .plain, "key_targets": .expressions,
    ],
  ]

  static let modifiers: [String: Members] = [
    "ORDER_MODIFIER": ["orders": .orders],
    "LIMIT_MODIFIER": ["limit": .expression, "offset": .expression],
    "LIMIT_PERCENT_MODIFIER": ["limit": .expression, "offset": .expression],
    "DISTINCT_MODIFIER": ["distinct_on_targets": .expressions],
  ]

  static let tables: [String: Members] = [
    "EMPTY": [:],
    "EXPRESSION_LIST": [
      "values": .expressionRows, "expected_names": .plain, "expected_types": .plain,
      "column_name_alias": .plain,
    ],
    "BASE_TABLE": ["qualified_name": .plain, "column_name_alias": .plain, "sample": .plain],
    "SUBQUERY": ["subquery": .statement, "column_name_alias": .plain, "sample": .plain],
    "JOIN": [
      "left": .table, "right": .table, "condition": .expression, "using_columns": .plain,
      "column_name_alias": .plain, "sample": .plain,
    ],
    "TABLE_FUNCTION": ["column_name_alias": .plain, "sample": .plain],
    "PIVOT": [
      "source": .table, "aggregates": .expressions, "unpivot_names": .plain, "pivots": .pivots,
      "groups": .plain, "column_name_alias": .plain, "sample": .plain,
    ],
    "SHOW_REF": ["query": .query, "qualified_name": .plain],
  ]

  static let expressions: [String: Members] = [
    "BETWEEN": ["input": .expression, "lower": .expression, "upper": .expression],
    "CASE": ["case_checks": .cases, "else_expr": .expression],
    "CAST": ["child": .expression, "type_expr": .expression],
    "COLLATE": ["child": .expression],
    "COLUMN_REF": ["column_names": .plain],
    "COMPARISON": ["left": .expression, "right": .expression],
    "CONJUNCTION": ["children": .expressions],
    "CONSTANT": ["literal": .plain, "value": .plain],
    "DEFAULT": [:],
    "FUNCTION": [
      "arguments": .arguments, "children": .expressions, "filter": .expression,
      "order_bys": .orders, "qualified_name": .plain,
    ],
    "LAMBDA": ["lhs": .expression, "expr": .expression],
    "OPERATOR": ["children": .expressions],
    "PARAMETER": [:],
    "POSITIONAL_REFERENCE": [:],
    "STAR": [
      "expr": .expression, "exclude_list": .plain, "replace_list": .keyedExpressions,
      "rename_list": .plain, "qualified_exclude_list": .plain,
    ],
    "SUBQUERY": ["subquery": .statement, "child": .expression],
    "TYPE": ["children": .expressions, "qualified_name": .plain],
    "WINDOW": [
      "arguments": .arguments, "children": .expressions, "partitions": .expressions,
      "orders": .orders, "arg_orders": .orders, "start_expr": .expression,
      "end_expr": .expression, "offset_expr": .expression, "default_expr": .expression,
      "filter_expr": .expression, "qualified_name": .plain,
    ],
  ]
}

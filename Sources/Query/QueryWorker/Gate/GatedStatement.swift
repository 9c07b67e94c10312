/// A statement that passed the gate.
struct GatedStatement: Equatable {
  /// The text to prepare: the tenant's own, behind our own spelling of EXPLAIN if it had one.
  let text: String
  let explain: ExplainForm?
  /// Tables of the tenant, as written, each once when case is ignored.
  let tables: [String]
  /// Whether the statement looks at the list of tables.
  let wantsListing: Bool
  let parameters: ParameterUse
}

/// Which parameters a statement has.
enum ParameterUse: Equatable {
  case none
  case named(Set<String>)
  case positional(count: Int)
}

/// An EXPLAIN before a statement.
struct ExplainForm: Equatable {
  enum Format: String {
    case text, json
  }

  var analyze = false
  var format = Format.text

  /// The words to put before a gated statement.
  var prefix: String {
    switch (analyze, format) {
    case (false, .text): "EXPLAIN "
    case (true, .text): "EXPLAIN ANALYZE "
    case (false, .json): "EXPLAIN (FORMAT JSON) "
    case (true, .json): "EXPLAIN (ANALYZE, FORMAT JSON) "
    }
  }
}

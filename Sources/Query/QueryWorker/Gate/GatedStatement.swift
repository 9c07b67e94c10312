/// A statement that passed the gate.
package struct GatedStatement: Equatable {
  /// The text to prepare: the tenant's own, behind our own spelling of EXPLAIN if it had one.
  package let text: String
  package let explain: ExplainForm?
  /// Tables of the tenant, as written, each once when case is ignored.
  package let tables: [String]
  /// Whether the statement looks at the list of tables.
  package let wantsListing: Bool
  package let conditions: [ScanConditions.Condition]
  package let parameters: ParameterUse
}

/// Which parameters a statement has.
package enum ParameterUse: Equatable {
  case none
  case named(Set<String>)
  case positional(count: Int)
}

/// An EXPLAIN before a statement.
package struct ExplainForm: Equatable {
  package enum Format: String {
    case text, json
  }

  package var analyze = false
  package var format = Format.text

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

internal import CDuckDB

extension DuckDBStatement {
  /// Binds all parameters of a statement with `?` or `$1, $2, …`.
  ///
  /// - Throws: `.parameter` when the number of values is not the number of parameters, or when
  ///   the statement names its parameters.
  package func bind(positional values: [DuckDBValue]) throws(DuckDBError) {
    guard values.count == parameterCount else {
      throw DuckDBError(
        kind: .parameter,
        message: "the statement takes \(parameterCount) parameters, \(values.count) were given")
    }
    for (index, value) in values.enumerated() {
      let name = String(index + 1)
      guard let parameter = parameterNames.firstIndex(of: name) else {
        throw DuckDBError(
          kind: .parameter,
          message: "the statement names its parameters, and takes no list of values")
      }
      try bind(value, at: parameter + 1)
    }
  }

  /// Binds all parameters by name, without `$`; names ignore case.
  ///
  /// - Throws: `.parameter` naming a parameter that is missing, unknown or given twice.
  package func bind(named values: [String: DuckDBValue]) throws(DuckDBError) {
    var bound: Set<Int> = []
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let index = parameterIndex(of: name) else {
        throw DuckDBError(
          kind: .parameter, message: "the statement has no parameter $\(name)")
      }
      guard bound.insert(index).inserted else {
        throw DuckDBError(
          kind: .parameter, message: "the parameter $\(name) is given twice (names ignore case)")
      }
      try bind(value, at: index)
    }
    for (offset, name) in parameterNames.enumerated() where !bound.contains(offset + 1) {
      throw DuckDBError(kind: .parameter, message: "the parameter $\(name) has no value")
    }
  }

  /// Binds one parameter by its index, counted from one.
  package func bind(_ value: DuckDBValue, at index: Int) throws(DuckDBError) {
    guard index >= 1, index <= parameterCount else {
      throw DuckDBError(
        kind: .parameter, message: "the statement has no parameter number \(index)")
    }
    var created: duckdb_value? = try value.makeCValue()
    defer { duckdb_destroy_value(&created) }
    guard let created, duckdb_bind_value(handle, idx_t(index), created) == DuckDBSuccess else {
      throw DuckDBError(
        kind: .parameter, message: "the value of parameter number \(index) cannot be bound")
    }
  }

  private func parameterIndex(of name: String) -> Int? {
    let wanted = name.lowercased()
    return parameterNames.firstIndex { $0.lowercased() == wanted }.map { $0 + 1 }
  }
}

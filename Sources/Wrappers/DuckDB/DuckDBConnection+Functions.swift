internal import CDuckDB

extension DuckDBConnection {
  /// Makes a function from BIGINT to INTEGER known to all connections of the instance.
  ///
  /// Null gives null; equal values must give equal results. It is called on the engine's threads.
  package func register(
    _ name: String, ofIntegers body: @escaping @Sendable (Int64) -> Int32
  ) throws(DuckDBError) {
    try register(name, DUCKDB_TYPE_BIGINT) { vector, row in body(vector.element(row)) }
  }

  /// The same from VARCHAR, whose UTF-8 the function is lent.
  package func register(
    _ name: String, ofTexts body: @escaping @Sendable (UnsafeRawBufferPointer) -> Int32
  ) throws(DuckDBError) {
    try register(name, DUCKDB_TYPE_VARCHAR) { vector, row in vector.withBytes(row, body) }
  }

  private func register(
    _ name: String, _ parameter: duckdb_type,
    _ body: @escaping @Sendable (DuckDBVector, Int) -> Int32
  ) throws(DuckDBError) {
    var function: duckdb_scalar_function? = duckdb_create_scalar_function()
    defer { duckdb_destroy_scalar_function(&function) }
    var type: duckdb_logical_type? = duckdb_create_logical_type(parameter)
    defer { duckdb_destroy_logical_type(&type) }
    var result: duckdb_logical_type? = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER)
    defer { duckdb_destroy_logical_type(&result) }
    duckdb_scalar_function_set_name(function, name)
    duckdb_scalar_function_add_parameter(function, type)
    duckdb_scalar_function_set_return_type(function, result)
    let call = ScalarCall(type: parameter == DUCKDB_TYPE_BIGINT ? .bigint : .varchar, body: body)
    duckdb_scalar_function_set_extra_info(
      function, Unmanaged.passRetained(call).toOpaque(), releaseScalarCall)
    duckdb_scalar_function_set_function(function, runScalarCall)
    guard duckdb_register_scalar_function(handle, function) == DuckDBSuccess else {
      throw DuckDBError(kind: .catalog, message: "the function \(name) is not accepted")
    }
  }
}

/// What the engine calls for a registered function.
private final class ScalarCall: Sendable {
  let type: DuckDBType
  let body: @Sendable (DuckDBVector, Int) -> Int32

  init(type: DuckDBType, body: @escaping @Sendable (DuckDBVector, Int) -> Int32) {
    self.type = type
    self.body = body
  }
}

private func releaseScalarCall(_ call: UnsafeMutableRawPointer?) {
  guard let call else { return }
  Unmanaged<ScalarCall>.fromOpaque(call).release()
}

private func runScalarCall(
  _ info: duckdb_function_info?, _ chunk: duckdb_data_chunk?, _ output: duckdb_vector?
) {
  guard let pointer = duckdb_scalar_function_get_extra_info(info), let output,
    let input = duckdb_data_chunk_get_vector(chunk, 0),
    let results = duckdb_vector_get_data(output)?.assumingMemoryBound(to: Int32.self)
  else {
    duckdb_scalar_function_set_error(info, "a function without its vectors")
    return
  }
  let call = Unmanaged<ScalarCall>.fromOpaque(pointer).takeUnretainedValue()
  let count = Int(duckdb_data_chunk_get_size(chunk))
  let vector = DuckDBVector(input, type: call.type, count: count)
  for row in 0..<count {
    if vector.isNull(row) {
      duckdb_vector_ensure_validity_writable(output)
      duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), idx_t(row))
    } else {
      results[row] = call.body(vector, row)
    }
  }
}

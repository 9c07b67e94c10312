internal import CDuckDB

/// Some rows of a result, column by column; at most 2,048 of them.
package final class DuckDBChunk {
  package let rowCount: Int
  package let types: [DuckDBType]
  let handle: duckdb_data_chunk

  init(adopting chunk: duckdb_data_chunk, types: [DuckDBType]) {
    handle = chunk
    rowCount = Int(duckdb_data_chunk_get_size(chunk))
    self.types = types
  }

  deinit {
    var handle: duckdb_data_chunk? = handle
    duckdb_destroy_data_chunk(&handle)
  }

  package var columnCount: Int { types.count }

  /// Lends the columns. Neither the vectors nor their pointers may leave the closure.
  package func withVectors<Result, Failure: Error>(
    _ body: ([DuckDBVector]) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let vectors = types.indices.map { index in
      DuckDBVector(
        duckdb_data_chunk_get_vector(handle, idx_t(index)), type: types[index], count: rowCount)
    }
    defer { withExtendedLifetime(self) {} }
    return try body(vectors)
  }

  /// All rows as values.
  package func readRows() throws(DuckDBError) -> [[DuckDBValue]] {
    try withVectors { (vectors) throws(DuckDBError) in
      var rows: [[DuckDBValue]] = []
      rows.reserveCapacity(rowCount)
      for row in 0..<rowCount {
        var values: [DuckDBValue] = []
        values.reserveCapacity(vectors.count)
        for vector in vectors { values.append(try vector.readValue(at: row)) }
        rows.append(values)
      }
      return rows
    }
  }
}

/// The official DuckLake extension, run in a process of its own on a catalog that nobody changes.
package struct OfficialReader: Sendable {
  package struct Question: Encodable, Sendable {
    let sql: String
    let snapshot: Int64?

    package init(sql: String, snapshot: Int64?) {
      self.sql = sql
      self.snapshot = snapshot
    }
  }

  private struct Request: Encodable {
    let catalog: String
    let schema: String
    let questions: [Question]
    let merge: Bool
    let execute: [String]
  }

  private let catalog: String
  private let schema: String

  /// - Parameter catalog: a file of SQLite, or `postgres:` and a connection.
  package init(catalog: String, schema: String) {
    self.catalog = catalog
    self.schema = schema
  }

  /// - Parameters:
  ///   - merging: whether the extension merges files before it answers.
  ///   - statements: run before it answers; the catalog is attached as `lake`.
  /// - Returns: for each question the rows, values as text.
  package func ask(
    _ questions: [Question], merging: Bool = false, executing statements: [String] = []
  ) async throws -> [[[String?]]] {
    try await OracleProgram.run(
      "ducklake_rows.py",
      Request(
        catalog: catalog, schema: schema, questions: questions, merge: merging,
        execute: statements))
  }

  /// Runs statements of another program's.
  package func execute(_ statements: String...) async throws {
    _ = try await ask([], executing: statements)
  }
}

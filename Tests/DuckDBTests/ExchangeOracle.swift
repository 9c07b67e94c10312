import Foundation
import TestSupport

/// What Arrow's own library reads from an answer.
struct ExchangedTable: Decodable, Sendable {
  struct Column: Decodable, Sendable {
    let name: String
    /// As pyarrow spells it.
    let type: String
    /// Texts of the official engine.
    let values: [String?]
  }

  let columns: [Column]
  /// Record batches of an Arrow stream.
  let batches: Int

  func column(_ name: String) throws -> Column {
    guard let column = columns.first(where: { $0.name == name }) else { throw Missing(name: name) }
    return column
  }

  struct Missing: Error { let name: String }

  /// Has pyarrow read and validate a file; damaged ones throw.
  static func read(_ path: String, form: String) async throws -> ExchangedTable {
    let output = path + ".json"
    try await ChildProgram.run(
      [
        "/usr/bin/env", "PYTHONPATH=\(root)/.deps/oracle", "/usr/bin/python3",
        "\(root)/Tests/Oracle/exchange_oracle.py", form, path,
      ], outputPath: output)
    return try JSONDecoder().decode(
      ExchangedTable.self, from: try Data(contentsOf: URL(fileURLWithPath: output)))
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
}

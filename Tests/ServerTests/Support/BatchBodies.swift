import Foundation
import TestSupport

/// Bodies that Arrow's own library has written; removed with this.
final class BatchBodies: Sendable {
  private let folder: TemporaryFolder

  init() async throws {
    folder = try TemporaryFolder()
    try await ChildProgram.run(
      [
        "/usr/bin/env", "PYTHONPATH=" + Repository.path(".deps/oracle"), "/usr/bin/python3",
        Repository.path("Tests/Oracle/batch_bodies.py"), folder.path,
      ], outputPath: folder.path + "/output")
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)")))
  }
}

extension APIClient {
  static let ndjson = "application/x-ndjson"
  static let parquet = "application/vnd.apache.parquet"
  static let arrow = "application/vnd.apache.arrow.stream"

  /// Sends a batch under a key.
  func batch(
    _ table: String, _ body: [UInt8], key: String, type: String = ndjson, parameters: String = ""
  ) async throws -> Reply {
    try await with("Idempotency-Key", key).send(
      "POST", "/v1/ingest/\(table)\(parameters)", body, contentType: type)
  }

  func batch(
    _ table: String, _ body: String, key: String, type: String = ndjson, parameters: String = ""
  ) async throws -> Reply {
    try await batch(table, Array(body.utf8), key: key, type: type, parameters: parameters)
  }
}

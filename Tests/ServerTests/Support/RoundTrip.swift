import Foundation
import TestSupport

/// A table of every type that a column can have, made and compared by Arrow's own library.
struct RoundTrip: Sendable {
  private let folder: TemporaryFolder
  /// What `schema_json` has under `columns`.
  let columns: String

  init() async throws {
    folder = try TemporaryFolder()
    try await Self.oracle(["write", folder.path], outputPath: folder.path + "/output")
    columns = try String(contentsOfFile: folder.path + "/columns.json", encoding: .utf8)
  }

  /// - Parameter form: `parquet` or `arrow`.
  func body(_ form: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/rows.\(form)")))
  }

  /// The columns in which an answer is not what was sent, a line each.
  func differences(_ answer: [UInt8], in form: String, from sent: String) async throws -> String {
    let received = "\(folder.path)/\(UUID().uuidString).\(form)"
    try Data(answer).write(to: URL(fileURLWithPath: received))
    try await Self.oracle(
      ["compare", "\(folder.path)/rows.\(sent)", received], outputPath: received + ".out")
    return try String(contentsOfFile: received + ".out", encoding: .utf8)
  }

  private static func oracle(_ arguments: [String], outputPath: String) async throws {
    try await ChildProgram.run(
      [
        "/usr/bin/env", "PYTHONPATH=" + Repository.path(".deps/oracle"), "/usr/bin/python3",
        Repository.path("Tests/Oracle/round_trip.py"),
      ] + arguments, outputPath: outputPath)
  }
}

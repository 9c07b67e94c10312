import Catalog
import Coordinator
import Foundation
import Model
import Testing

/// A folder for a staging child, and the children that tests put in the program's place.
struct StagingFixture: Sendable {
  /// Longer than any test waits.
  static let never = 86_400

  let folder: String

  /// Runs the body with a folder of its own, off the cooperative pool, as all staging blocks.
  static func with<Value: Sendable>(
    _ body: @escaping @Sendable (StagingFixture) throws -> Value
  ) async throws -> Value {
    let folder = NSTemporaryDirectory() + "staging-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await offPool { try body(StagingFixture(folder: folder)) }
  }

  static func table() throws -> TableRecord {
    TableRecord(
      id: TableID(7), tenant: TenantID(1),
      definition: TableDefinition(
        name: "t",
        schema: try TableSchema(columns: [
          ColumnDefinition(name: "id", type: .bigint),
          ColumnDefinition(name: "name", type: .varchar),
        ])),
      schemaVersion: 1, columnIDs: [1, 2], initialDefaults: [nil, nil],
      versionBegin: SnapshotID(1), folder: "f/", createdAt: Timestamp(microseconds: 0),
      isDropped: false)
  }

  /// The program lies beside the test bundle.
  static func program() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = (bundle as NSString).deletingLastPathComponent + "/duckmesh"
    try #require(
      FileManager.default.isExecutableFile(atPath: path),
      "the program duckmesh is not built beside the tests, at \(path)")
    return path
  }

  /// A child that does what the lines of Python say: see `Tests/Oracle/staging_child.py`.
  func child(_ lines: String) throws -> String {
    try Data(lines.utf8).write(to: URL(fileURLWithPath: folder + "/lines"))
    let path = folder + "/child"
    let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Oracle/staging_child.py").standardized.path
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: program)
    return path
  }

  /// The number of the child that was started; nil before.
  var pid: Int32? {
    (try? String(contentsOfFile: folder + "/pid", encoding: .utf8)).flatMap { Int32($0) }
  }

  /// Whether a child was started, has ended and was reaped.
  var isReaped: Bool { pid.map { kill($0, 0) != 0 && errno == ESRCH } ?? false }
}

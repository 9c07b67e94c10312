import Dispatch
import Foundation
import SQLite

/// A temporary folder with a database, removed at the end.
struct SQLiteFolder: Sendable {
  let path: String

  var database: String { path + "/test.sqlite" }

  func connect(
    _ mode: SQLiteConnection.Mode = .readWriteCreate, busyTimeoutMs: Int32 = 0
  ) throws(SQLiteError) -> SQLiteConnection {
    let connection = try SQLiteConnection(
      path: database, mode: mode, busyTimeoutMs: busyTimeoutMs)
    if mode == .readWriteCreate { try connection.execute("PRAGMA journal_mode = WAL") }
    return connection
  }
}

/// Runs a blocking test on a thread away from the cooperative pool.
func withSQLiteFolder(_ body: @escaping @Sendable (SQLiteFolder) throws -> Void) async throws {
  try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
    DispatchQueue.global().async {
      let folder = SQLiteFolder(
        path: FileManager.default.temporaryDirectory.path + "/duckmesh-sqlite-"
          + UUID().uuidString)
      done.resume(
        with: Result {
          try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true)
          defer { try? FileManager.default.removeItem(atPath: folder.path) }
          try body(folder)
        })
    }
  }
}

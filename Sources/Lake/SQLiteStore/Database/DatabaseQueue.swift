import Dispatch
import SQLite

/// One SQLite connection and the serial queue on which alone it is used.
///
/// The queue is first come, first served: a publisher and a coordinator that both write take turns,
/// where SQLite's own busy handler lets one of them starve. Callers are bounded by what calls them
/// (requests in flight, publishing lanes, services), so the queue is as well.
final class DatabaseQueue: @unchecked Sendable {  // the connection is touched on `queue` only
  private let queue: DispatchQueue
  private let connection: SQLiteConnection

  init(label: String, connection: consuming SQLiteConnection) {
    queue = DispatchQueue(label: label, qos: .userInitiated)
    self.connection = connection
  }

  /// Runs `body` on the queue, off the cooperative pool.
  func perform<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable (SQLiteConnection) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
      queue.async { [self] in
        do throws(Failure) {
          continuation.resume(returning: .success(try body(connection)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }
}

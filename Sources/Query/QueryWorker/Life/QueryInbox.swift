import DuckDB
import Glibc
import Runtime
import WorkerProtocol

/// Takes the server's frames off the socket on a thread of its own, so that CANCEL and the end of
/// the server are seen while a statement runs.
final class QueryInbox: Sendable {
  enum Message: Sendable {
    case query(QueryMessage)
    case relations(RelationsMessage)
    case probe(ProbeMessage)
  }

  /// The server waits for an answer before it sends the next.
  private static let maximumWaiting = 2

  private struct State {
    var waiting: [Message] = []
    /// The newest query that was cancelled; CANCEL may come before its query has a connection.
    var cancelledQuery: UInt64 = 0
    var running: (query: UInt64, handle: DuckDBInterruptHandle)?
  }

  private let state = Lock(State())
  private let arrived: Semaphore
  private let socket: FrameSocket

  init(socket: FrameSocket) throws {
    self.socket = socket
    arrived = Semaphore()
    _ = try DedicatedThread(name: "worker-inbox") { [self] in read() }
  }

  /// Waits for the next message; blocks.
  func next() -> Message {
    arrived.wait()
    return state.withLock { $0.waiting.removeFirst() }
  }

  /// Lets CANCEL reach a connection; one that came before is delivered now.
  func publish(_ handle: DuckDBInterruptHandle, for query: UInt64) {
    let isCancelled = state.withLock { state in
      state.running = (query, handle)
      return state.cancelledQuery == query
    }
    if isCancelled {
      handle.interrupt()
    }
  }

  func withdraw() {
    state.withLock { $0.running = nil }
  }

  func isCancelled(_ query: UInt64) -> Bool {
    state.withLock { $0.cancelledQuery == query }
  }

  private func read() {
    do {
      while true {
        try take(try socket.receive())
      }
    } catch {
      // The server is gone or talks nonsense: there is nobody to answer to.
      _exit(0)
    }
  }

  private func take(_ frame: Frame) throws(FrameError) {
    switch frame.kind {
    case .query: try put(.query(QueryMessage(decoding: frame.body)))
    case .relations: try put(.relations(RelationsMessage(decoding: frame.body)))
    case .probe: try put(.probe(ProbeMessage(decoding: frame.body)))
    case .cancel: cancel(try CancelMessage(decoding: frame.body).id)
    default: throw .malformed
    }
  }

  private func put(_ message: Message) throws(FrameError) {
    let isFull = state.withLock { state in
      state.waiting.append(message)
      return state.waiting.count > Self.maximumWaiting
    }
    guard !isFull else { throw .malformed }
    arrived.signal()
  }

  private func cancel(_ query: UInt64) {
    let handle = state.withLock { state -> DuckDBInterruptHandle? in
      state.cancelledQuery = query
      return state.running?.query == query ? state.running?.handle : nil
    }
    handle?.interrupt()
  }
}

import Synchronization

/// Why a body does not come to its end.
package enum HTTPBodyError: Error, Equatable, Sendable {
  /// The connection ended, the client took too long, or the server stops.
  case cut
  /// More bytes came than the route takes.
  case tooLarge
  /// The task that reads was cancelled.
  case cancelled
}

/// The body of a request as it arrives; its one reader takes it piece by piece.
///
/// When the reader falls behind, the connection is not read from: the client waits. What is held
/// is at most `highWaterBytes` and one piece of the library's.
package final class HTTPBodyStream: Sendable {
  private typealias Reader = CheckedContinuation<Result<[UInt8]?, HTTPBodyError>, Never>

  private enum Ending {
    case complete
    case failed(HTTPBodyError)
  }

  private struct State {
    var bytes: [UInt8] = []
    var ending: Ending?
    var reader: Reader?
    var onRoom: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private let highWaterBytes: Int

  init(highWaterBytes: Int) { self.highWaterBytes = max(1, highWaterBytes) }

  /// A body that is there already.
  package convenience init(_ bytes: [UInt8]) {
    self.init(highWaterBytes: bytes.count + 1)
    _ = bytes.withUnsafeBytes { append($0) }
    finish()
  }

  /// The next bytes; nil at the end of the whole body. For one reader at a time.
  ///
  /// - Throws: `cut`, `tooLarge`, `cancelled`; what came before is part of no whole body then.
  package func next() async throws(HTTPBodyError) -> [UInt8]? {
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (reader: Reader) in
        let settled = state.withLock { state -> (Result<[UInt8]?, HTTPBodyError>?, Bool) in
          if let ready = Self.ready(&state) { return ready }
          state.reader = reader
          return (nil, false)
        }
        if settled.1 { roomWasMade() }
        if let result = settled.0 { reader.resume(returning: result) }
      }
    } onCancel: {
      fail(.cancelled)
    }
    return try result.get()
  }

  /// What a reader gets at once, and whether that makes room; nil when it must wait.
  private static func ready(
    _ state: inout State
  ) -> (Result<[UInt8]?, HTTPBodyError>?, Bool)? {
    if case .failed(let error) = state.ending { return (.failure(error), false) }
    if !state.bytes.isEmpty {
      let bytes = state.bytes
      state.bytes = []
      return (.success(bytes), true)
    }
    if case .complete = state.ending { return (.success(nil), false) }
    return nil
  }

  private func roomWasMade() { state.withLock { $0.onRoom }?() }

  /// - Parameter body: called after each taking of bytes, outside of all locks.
  func onRoom(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onRoom = body } }

  /// Takes bytes in.
  ///
  /// - Returns: whether there is no room for more.
  func append(_ piece: UnsafeRawBufferPointer) -> Bool {
    let (reader, isFull) = state.withLock { state -> (Reader?, Bool) in
      guard state.ending == nil else { return (nil, false) }
      if let reader = state.reader.take() { return (reader, false) }
      state.bytes.append(contentsOf: piece)
      return (nil, state.bytes.count >= highWaterBytes)
    }
    reader?.resume(returning: .success(Array(piece)))
    return isFull
  }

  var isFull: Bool { state.withLock { $0.ending == nil && $0.bytes.count >= highWaterBytes } }

  func finish() {
    let reader = state.withLock { state -> Reader? in
      guard state.ending == nil else { return nil }
      state.ending = .complete
      return state.reader.take()
    }
    reader?.resume(returning: .success(nil))
  }

  /// Without effect on a body that is complete.
  func fail(_ error: HTTPBodyError) {
    let reader = state.withLock { state -> Reader? in
      guard state.ending == nil else { return nil }
      state.ending = .failed(error)
      state.bytes = []
      return state.reader.take()
    }
    reader?.resume(returning: .failure(error))
  }
}

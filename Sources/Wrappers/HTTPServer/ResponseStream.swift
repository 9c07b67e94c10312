import Glibc
import Synchronization

/// The body of an answer while it is produced: the producer writes, the library pulls as fast as
/// the client takes it, and neither runs ahead further than the high-water mark.
///
/// One producer writes; `finish` and `abort` may come from anywhere and only the first counts.
package final class ResponseStream: Sendable {
  enum Ending: Sendable {
    case finished(trailers: [HTTPResponse.Field])
    case aborted
    /// The client or the connection is gone; nobody pulls any more.
    case detached
  }

  enum Pull {
    case bytes(Int)
    /// Nothing to send: the connection was suspended and `write` resumes it.
    case parked
    case finished(trailers: [HTTPResponse.Field])
    case failed
  }

  private struct State {
    var chunks: [[UInt8]] = []
    var firstChunk = 0
    var firstChunkOffset = 0
    var bufferedBytes = 0
    var pulledBytes = 0
    var ending: Ending?
    /// Set while the library's thread has suspended the connection for want of bytes.
    var parked: MHDConnection?
    var parkings = 0
    var connection: Connection?
    var resetsOnAbort = false
    var waitingWriters: [CheckedContinuation<Bool, Never>] = []
  }

  private let state = Mutex(State())
  private let highWaterBytes: Int

  init(highWaterBytes: Int) {
    self.highWaterBytes = max(1, highWaterBytes)
  }

  /// Hands bytes over and waits until the client has taken enough of what is buffered.
  ///
  /// False means that nobody will read on: the producer should return.
  package func write(_ bytes: [UInt8]) async -> Bool {
    let (parked, verdict) = state.withLock { state -> (MHDConnection?, Bool?) in
      guard state.ending == nil else { return (nil, false) }
      guard !bytes.isEmpty else { return (nil, true) }
      state.chunks.append(bytes)
      state.bufferedBytes += bytes.count
      let parked = state.parked.take()
      return (parked, state.bufferedBytes < highWaterBytes ? true : nil)
    }
    parked?.resume()
    if let verdict { return verdict }
    return await withCheckedContinuation { continuation in
      let verdict = state.withLock { state -> Bool? in
        if let ending = state.ending {
          if case .finished = ending { return true }
          return false
        }
        if state.bufferedBytes < highWaterBytes { return true }
        state.waitingWriters.append(continuation)
        return nil
      }
      if let verdict { continuation.resume(returning: verdict) }
    }
  }

  /// Ends the body properly once all that is buffered has been sent; the trailers follow it.
  package func finish(trailers: [HTTPResponse.Field] = []) {
    end(.finished(trailers: trailers))
  }

  /// Ends the connection without the final chunk, so that the client knows the body is not whole.
  package func abort() {
    end(.aborted)
  }

  /// Whether the client can still receive something.
  package var isOpen: Bool { state.withLock { $0.ending == nil } }

  /// Bytes written that the connection has not taken yet.
  package var bufferedBytes: Int { state.withLock { $0.bufferedBytes } }

  func detach() {
    end(.detached)
  }

  private func end(_ ending: Ending) {
    var parked: MHDConnection?
    var writers: [CheckedContinuation<Bool, Never>] = []
    var aborted: Connection?
    var resets = false
    state.withLock { state in
      switch (ending, state.ending) {
      case (.detached, let earlier): if earlier == nil { state.ending = ending }
      case (_, nil): state.ending = ending
      default: return
      }
      parked = state.parked.take()
      (writers, state.waitingWriters) = (state.waitingWriters, [])
      if case .finished = ending { return }
      state.chunks = []
      (state.firstChunk, state.firstChunkOffset, state.bufferedBytes) = (0, 0, 0)
      if case .aborted = ending { (aborted, resets) = (state.connection, state.resetsOnAbort) }
      state.connection = nil
    }
    // A connection that waits for its client to read is not pulled from: its socket is shut.
    if resets { aborted?.reset() } else { aborted?.shutDown() }
    parked?.resume()
    for writer in writers { writer.resume(returning: false) }
  }
}

extension ResponseStream {
  /// Called when the answer is queued, before the first pull.
  ///
  /// - Parameter resetsOnAbort: for HTTP/1.0, where a mere close would look like a proper end.
  func attach(to connection: Connection, resetsOnAbort: Bool) {
    state.withLock {
      guard $0.ending == nil else { return }
      $0.connection = connection
      $0.resetsOnAbort = resetsOnAbort
    }
  }

  var pulledBytes: Int { state.withLock { $0.pulledBytes } }

  var wasAborted: Bool {
    state.withLock {
      if case .aborted = $0.ending { return true }
      return false
    }
  }

  /// Identifies the suspension under way, if any, so that it can be recognised later.
  var parking: Int? {
    state.withLock { $0.parked == nil ? nil : $0.parkings }
  }

  /// On the library's thread: fills the buffer, or suspends the connection when there is nothing.
  func pull(into buffer: UnsafeMutableRawBufferPointer, _ handle: MHDConnection) -> Pull {
    let (pull, writers) = state.withLock {
      state -> (Pull, [CheckedContinuation<Bool, Never>]) in
      switch state.ending {
      case .aborted, .detached: return (.failed, [])
      case .finished, nil: break
      }
      let copied = copyChunks(&state, into: buffer)
      if copied > 0 {
        state.bufferedBytes -= copied
        state.pulledBytes += copied
        guard state.bufferedBytes < max(1, highWaterBytes / 2) else { return (.bytes(copied), []) }
        let writers = state.waitingWriters
        state.waitingWriters = []
        return (.bytes(copied), writers)
      }
      if case .finished(let trailers) = state.ending { return (.finished(trailers: trailers), []) }
      // Suspended inside the lock: whoever finds `parked` set may resume.
      handle.suspend()
      state.parked = handle
      state.parkings += 1
      return (.parked, [])
    }
    for writer in writers { writer.resume(returning: true) }
    return pull
  }

  private func copyChunks(
    _ state: inout State, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    var copied = 0
    while copied < buffer.count, state.firstChunk < state.chunks.count {
      let chunk = state.chunks[state.firstChunk]
      let count = min(chunk.count - state.firstChunkOffset, buffer.count - copied)
      chunk.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[copied..<(copied + count)])
          .copyMemory(
            from: UnsafeRawBufferPointer(
              rebasing: $0[state.firstChunkOffset..<(state.firstChunkOffset + count)]))
      }
      copied += count
      state.firstChunkOffset += count
      if state.firstChunkOffset == chunk.count {
        state.chunks[state.firstChunk] = []
        state.firstChunk += 1
        state.firstChunkOffset = 0
      }
    }
    if state.firstChunk == state.chunks.count {
      state.chunks.removeAll(keepingCapacity: true)
      state.firstChunk = 0
    }
    return copied
  }
}

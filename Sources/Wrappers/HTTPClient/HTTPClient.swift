import Dispatch

/// An HTTP/1.1 client with a bounded number of kept-alive connections.
///
/// Each connection belongs to one thread of the client, which starts when it is first needed, so
/// a call never blocks the thread of a Swift task. Redirects are not followed, content is not
/// decoded, and no proxy is used for loopback; for other hosts the usual `http_proxy`,
/// `https_proxy` and `no_proxy` variables hold. Certificates are always checked. The client is
/// shared freely between tasks and threads; releasing it closes it.
package final class HTTPClient: Sendable {
  package struct Settings: Sendable {
    /// Connections, and so requests under way at once: 1 to 1,024.
    package var maximumConnections = 8
    /// Requests that may wait for a connection; one more is `tooManyWaiting`.
    package var maximumWaitingRequests = 4_096
    /// The largest response body that is kept in memory. A sink takes any size.
    package var maximumResponseBytes = 256 * 1_048_576
    package var connectTimeoutMs = 5_000
    package var userAgent = "duckmesh"

    package init() {}
  }

  private let queue: TransferQueue

  /// Makes a client; no connection is opened yet.
  ///
  /// - Throws: `invalidSetting` for a limit outside its range, `resourcesExhausted` when libcurl
  ///   cannot be initialised.
  package init(_ settings: Settings = Settings()) throws(HTTPClientError) {
    guard (1...1_024).contains(settings.maximumConnections) else {
      throw .invalidSetting("maximumConnections must be 1 to 1024")
    }
    guard settings.maximumWaitingRequests >= 1, settings.maximumResponseBytes >= 0,
      settings.connectTimeoutMs >= 1
    else {
      throw .invalidSetting("limits must be positive")
    }
    guard CurlLibrary.isInitialised else { throw .resourcesExhausted }
    queue = TransferQueue(settings: settings)
  }

  deinit {
    queue.close()
  }

  /// Sends a request and gives the whole response.
  ///
  /// Cancelling the task ends the exchange at once.
  package func send(_ request: ClientRequest) async throws(HTTPClientError) -> ClientResponse {
    try await run(request, sink: nil)
  }

  /// Sends a request and hands the body of a 2xx response to `sink` as it arrives.
  ///
  /// The sink runs on the client's own thread; while it blocks, the server is held back. It
  /// returns false to stop. A response that is not 2xx is kept in memory as `send` does, and the
  /// sink is never called.
  /// - Throws: `stoppedBySink` after the sink returned false.
  package func download(
    _ request: ClientRequest, into sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool
  ) async throws(HTTPClientError) -> ClientResponse {
    try await run(request, sink: sink)
  }

  /// Sends a request and blocks the calling thread, which must not be one of Swift's own pool.
  package func sendBlocking(_ request: ClientRequest) throws(HTTPClientError) -> ClientResponse {
    try runBlocking(request, sink: nil)
  }

  /// The blocking form of `download`.
  package func downloadBlocking(
    _ request: ClientRequest, into sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool
  ) throws(HTTPClientError) -> ClientResponse {
    try runBlocking(request, sink: sink)
  }

  /// Ends all exchanges with `closed` and refuses new ones.
  package func close() {
    queue.close()
  }

  private func run(
    _ request: ClientRequest, sink: Transfer.Sink?
  ) async throws(HTTPClientError) -> ClientResponse {
    let prepared = try PreparedRequest(request)
    let transfer = Transfer(prepared, sink: sink)
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        transfer.onCompletion { continuation.resume(returning: $0) }
        queue.submit(transfer)
      }
    } onCancel: {
      transfer.stop(.cancelled)
    }
    return try result.get()
  }

  private func runBlocking(
    _ request: ClientRequest, sink: Transfer.Sink?
  ) throws(HTTPClientError) -> ClientResponse {
    let transfer = Transfer(try PreparedRequest(request), sink: sink)
    let done = DispatchSemaphore(value: 0)
    let box = ResultBox()
    transfer.onCompletion { result in
      box.set(result)
      done.signal()
    }
    queue.submit(transfer)
    done.wait()
    return try box.take().get()
  }
}

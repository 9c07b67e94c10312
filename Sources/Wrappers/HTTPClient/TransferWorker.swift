import CCurl
import Glibc

/// One thread with one connection: takes transfers and runs each to its end.
final class TransferWorker {
  private let queue: TransferQueue

  private init(_ queue: TransferQueue) {
    self.queue = queue
  }

  /// Starts a detached thread that serves the queue until it is closed; false when none can be had.
  static func start(for queue: TransferQueue) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 1_024 * 1_024)
    let context = Unmanaged.passRetained(TransferWorker(queue))
    var thread = pthread_t()
    let status = pthread_create(&thread, &attributes, workerThread, context.toOpaque())
    if status != 0 { context.release() }
    return status == 0
  }

  fileprivate func run() {
    // TLS writes go through plain write(2); an answer of SIGPIPE would end the whole process.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    var connection: TransferConnection?
    while let transfer = queue.next() {
      if connection == nil { connection = TransferConnection(settings: queue.settings) }
      let outcome = connection?.perform(transfer) ?? .failure(.resourcesExhausted)
      // Before the completion: who was told of the end may send again and find this worker idle.
      queue.finished(transfer)
      transfer.complete(outcome)
    }
  }
}

private func workerThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  Unmanaged<TransferWorker>.fromOpaque(context).takeRetainedValue().run()
  return nil
}

import Glibc

/// Runs blocking work on a thread of its own and waits for it without blocking a task's thread.
func onThread<Result: Sendable>(
  _ work: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    let box = Unmanaged.passRetained(
      ThreadWork { continuation.resume(with: Swift.Result(catching: work)) })
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let code = pthread_create(&thread, &attributes, runThreadWork, box.toOpaque())
    precondition(code == 0, "no thread for a test: \(code)")
  }
}

private final class ThreadWork: Sendable {
  let work: @Sendable () -> Void

  init(_ work: @escaping @Sendable () -> Void) {
    self.work = work
  }
}

private func runThreadWork(context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let context { Unmanaged<ThreadWork>.fromOpaque(context).takeRetainedValue().work() }
  return nil
}

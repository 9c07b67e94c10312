import Glibc

/// A thread could not be started.
package struct ThreadStartError: Error, Equatable {
  /// The errno value that `pthread_create` gave.
  package let code: Int32
}

/// A thread of its own for a loop that blocks in C: it must never hold one of the few threads of
/// the Swift cooperative pool.
package final class DedicatedThread: Sendable {
  private struct State {
    var isFinished = false
    var waiters: [OneShot<Void>] = []
  }

  /// The state that the running thread shares with its handle, so that dropping the handle does
  /// not end the thread.
  private final class Completion: Sendable {
    let state = Lock(State())

    func finish() {
      let waiters: [OneShot<Void>] = state.withLock { state in
        state.isFinished = true
        defer { state.waiters = [] }
        return state.waiters
      }
      for waiter in waiters {
        waiter.decide(())
      }
    }
  }

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    let completion: Completion

    init(name: String, body: @escaping @Sendable () -> Void, completion: Completion) {
      self.name = name
      self.body = body
      self.completion = completion
    }
  }

  /// What a main thread has; DuckDB's planner recurses deeply.
  package static let defaultStackSizeBytes = 8 << 20

  package let name: String
  private let completion = Completion()

  /// Starts the thread. It ends when the body returns; nothing can end it from outside.
  ///
  /// - Parameter name: shown by the system's tools, which keep the first 15 bytes.
  /// - Throws: `ThreadStartError` when the system has no thread to give.
  package init(
    name: String, stackSizeBytes: Int = DedicatedThread.defaultStackSizeBytes,
    body: @escaping @Sendable () -> Void
  ) throws(ThreadStartError) {
    self.name = name
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, stackSizeBytes)

    let start = Unmanaged.passRetained(Start(name: name, body: body, completion: completion))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        DedicatedThread.nameCurrentThread(start.name)
        start.body()
        start.completion.finish()
        return nil
      }, start.toOpaque())
    guard code == 0 else {
      start.release()
      throw ThreadStartError(code: code)
    }
  }

  /// Whether the body has returned.
  package var isFinished: Bool {
    completion.state.withLock { $0.isFinished }
  }

  /// Waits, without blocking a thread, until the body has returned.
  package func join() async {
    let finished = OneShot<Void>()
    completion.state.withLock { state in
      if state.isFinished {
        finished.decide(())
      } else {
        state.waiters.append(finished)
      }
    }
    await finished.value()
  }

  /// Names the calling thread for the system's tools. Without effect where /proc is not mounted.
  private static func nameCurrentThread(_ name: String) {
    // Neither pthread_setname_np (a GNU extension) nor prctl (variadic) can be called from Swift.
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    var bytes = Array(name.utf8.prefix(15))
    _ = write(file, &bytes, bytes.count)
    close(file)
  }
}

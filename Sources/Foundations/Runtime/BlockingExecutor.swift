import Dispatch

/// Why an executor did not run a job; errors of the job itself are not among them.
package enum BlockingExecutorError: Error, Equatable {
  /// As many jobs as allowed wait already.
  case overloaded
  /// The executor was stopped before the job was taken.
  case stopped
  /// The task was cancelled while the job still waited for a thread.
  case cancelled
}

/// A fixed number of named threads for C calls that block, with a bounded queue before them.
///
/// Jobs start in the order in which they came. A job that has started runs to its end: cancelling
/// the task takes back only a job that still waits.
package final class BlockingExecutor: Sendable {
  private struct Job {
    let id: Int
    let execute: @Sendable () -> Void
    let refuse: @Sendable (BlockingExecutorError) -> Void
  }

  private struct State {
    var isStopping = false
    var nextId = 0
    var queue = FIFOQueue<Job>()
  }

  /// What threads share; they do not hold the executor, so that dropping it ends them.
  private final class Core: Sendable {
    let state = Lock(State())
    let wakeUp = DispatchSemaphore(value: 0)

    func work() {
      while true {
        wakeUp.wait()
        let (job, isStopping): (Job?, Bool) = state.withLock { state in
          (state.queue.popFirst(), state.isStopping)
        }
        if let job {
          job.execute()
        } else if isStopping {
          // Pass the word on: one signal ends all threads, one after the other.
          wakeUp.signal()
          return
        }
      }
    }

    func stop() {
      state.withLock { $0.isStopping = true }
      wakeUp.signal()
    }
  }

  package let name: String
  package let queueLimit: Int
  private let core: Core
  private let threads: [DedicatedThread]

  /// Starts the threads, named `name-0`, `name-1` and so on.
  ///
  /// - Throws: `ThreadStartError`; threads already started end again.
  package init(
    name: String, threadCount: Int, queueLimit: Int,
    stackSizeBytes: Int = DedicatedThread.defaultStackSizeBytes
  ) throws(ThreadStartError) {
    precondition(threadCount > 0 && queueLimit > 0)
    let core = Core()
    var threads: [DedicatedThread] = []
    do {
      for index in 0..<threadCount {
        threads.append(
          try DedicatedThread(name: "\(name)-\(index)", stackSizeBytes: stackSizeBytes) {
            core.work()
          })
      }
    } catch {
      core.stop()
      throw error
    }
    self.name = name
    self.queueLimit = queueLimit
    self.core = core
    self.threads = threads
  }

  deinit {
    core.stop()
  }

  /// How many jobs wait for a thread.
  package var queueLength: Int {
    core.state.withLock { $0.queue.count }
  }

  /// Runs the body on one of the threads and gives back what it returns or throws.
  ///
  /// - Throws: `BlockingExecutorError` when the body was not run, else what the body throws.
  package func run<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
  ) async throws -> Value {
    try await result(of: body).get()
  }

  /// As `run`, with the executor's own errors thrown by type and the body's error in the result.
  ///
  /// - Throws: `overloaded`, `stopped`, `cancelled`; the body was not run then.
  package func result<Value: Sendable, Failure: Error>(
    of body: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(BlockingExecutorError) -> Result<Value, Failure> {
    typealias Outcome = Result<Result<Value, Failure>, BlockingExecutorError>
    let outcome = OneShot<Outcome>()
    let id = try enqueue {
      do throws(Failure) {
        outcome.decide(.success(.success(try body())))
      } catch {
        outcome.decide(.success(.failure(error)))
      }
    } refuse: { error in
      outcome.decide(.failure(error))
    }
    let decided = await withTaskCancellationHandler {
      await outcome.value()
    } onCancel: {
      withdraw(id)
    }
    return try decided.get()
  }

  /// Refuses new jobs, runs those that wait, and returns when all threads have ended.
  package func stop() async {
    core.stop()
    for thread in threads {
      await thread.join()
    }
  }

  private func enqueue(
    execute: @escaping @Sendable () -> Void,
    refuse: @escaping @Sendable (BlockingExecutorError) -> Void
  ) throws(BlockingExecutorError) -> Int {
    let id = try core.state.withLock { (state) throws(BlockingExecutorError) -> Int in
      guard !state.isStopping else { throw .stopped }
      guard state.queue.count < queueLimit else { throw .overloaded }
      let id = state.nextId
      state.nextId += 1
      state.queue.append(Job(id: id, execute: execute, refuse: refuse))
      return id
    }
    core.wakeUp.signal()
    return id
  }

  private func withdraw(_ id: Int) {
    let withdrawn: Job? = core.state.withLock { state in
      state.queue.removeFirst { $0.id == id }
    }
    withdrawn?.refuse(.cancelled)
  }
}

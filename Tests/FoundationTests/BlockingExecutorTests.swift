import Dispatch
import Glibc
import Runtime
import Testing

private struct JobFailure: Error, Equatable {}

/// Holds a thread of an executor until it is opened, and says when it holds it.
private final class Gate: Sendable {
  private let opened = DispatchSemaphore(value: 0)
  private let entered = OneShot<Void>()

  /// To be called on a thread of the executor under test.
  func hold() {
    entered.decide(())
    opened.wait()
  }

  func waitUntilHeld() async { await entered.value() }
  func open() { opened.signal() }
}

@Suite struct BlockingExecutorTests {
  @Test func jobsRunOnTheNamedThreadsAndGiveTheirValueOrErrorBack() async throws {
    let executor = try BlockingExecutor(name: "pool", threadCount: 1, queueLimit: 10)
    let name = try await executor.run { () -> String in
      var buffer = [UInt8](repeating: 0, count: 32)
      let file = open("/proc/thread-self/comm", O_RDONLY)
      let count = read(file, &buffer, buffer.count)
      close(file)
      return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    }
    #expect(name == "pool-0\n")
    await #expect(throws: JobFailure()) {
      try await executor.run { throw JobFailure() }
    }
    let result = try await executor.result { () throws(JobFailure) -> Int in throw JobFailure() }
    #expect(result == .failure(JobFailure()))
    await executor.stop()
  }

  @Test func aFullQueueRefusesTheJob() async throws {
    let executor = try BlockingExecutor(name: "pool", threadCount: 1, queueLimit: 1)
    let gate = Gate()
    async let held: Void = executor.run { gate.hold() }
    await gate.waitUntilHeld()
    async let queued = executor.run { 7 }
    while executor.queueLength == 0 { await Task.yield() }
    await #expect(throws: BlockingExecutorError.overloaded) { try await executor.run { 8 } }
    gate.open()
    try await held
    #expect(try await queued == 7)
    await executor.stop()
  }

  @Test func aCancelledTaskTakesItsWaitingJobBack() async throws {
    let executor = try BlockingExecutor(name: "pool", threadCount: 1, queueLimit: 4)
    let gate = Gate()
    async let held: Void = executor.run { gate.hold() }
    await gate.waitUntilHeld()
    let hasRun = Guarded(false)
    let waiting = Task { try await executor.run { hasRun.withLock { $0 = true } } }
    while executor.queueLength == 0 { await Task.yield() }
    waiting.cancel()
    await #expect(throws: BlockingExecutorError.cancelled) { try await waiting.value }
    gate.open()
    try await held
    await executor.stop()
    #expect(!hasRun.value)
  }

  @Test func stoppingRunsWhatWaitsAndRefusesWhatComes() async throws {
    let executor = try BlockingExecutor(name: "pool", threadCount: 2, queueLimit: 100)
    let done = Guarded(0)
    let gate = Gate()
    let tasks = (0..<20).map { index in
      Task {
        try await executor.run {
          if index == 0 { gate.hold() }
          done.withLock { $0 += 1 }
        }
      }
    }
    await gate.waitUntilHeld()
    while executor.queueLength + done.value < 19 { await Task.yield() }
    async let stopped: Void = executor.stop()
    gate.open()
    await stopped
    for task in tasks { try await task.value }
    #expect(done.value == 20)
    await #expect(throws: BlockingExecutorError.stopped) { try await executor.run { 1 } }
  }

  @Test func manyJobsFromManyTasksAllRunOnce() async throws {
    let executor = try BlockingExecutor(name: "pool", threadCount: 4, queueLimit: 1_000)
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<500 {
        group.addTask { try await executor.run { number } }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 500 * 499 / 2)
    await executor.stop()
  }

  @Test func aDedicatedThreadIsJoinedByAnyNumberOfTasks() async throws {
    let gate = Gate()
    let thread = try DedicatedThread(name: "loop") { gate.hold() }
    await gate.waitUntilHeld()
    #expect(!thread.isFinished)
    async let first: Void = thread.join()
    async let second: Void = thread.join()
    gate.open()
    await first
    await second
    #expect(thread.isFinished)
    await thread.join()
  }
}

@Suite struct FIFOQueueTests {
  @Test func itBehavesAsAnArrayUnderAnyMixOfOperations() {
    var generator = SystemRandomNumberGenerator()
    var queue = FIFOQueue<Int>()
    var model: [Int] = []
    for step in 0..<20_000 {
      switch Int.random(in: 0..<6, using: &generator) {
      case 0, 1:
        queue.append(step)
        model.append(step)
      case 2, 3:
        #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
      case 4:
        #expect(queue.popLast() == model.popLast())
      default:
        guard let victim = model.randomElement() else { continue }
        #expect(queue.removeFirst { $0 == victim } == victim)
        model.removeAll { $0 == victim }
      }
      #expect(queue.count == model.count)
      #expect(queue.first == model.first && queue.last == model.last)
    }
    while let next = queue.popFirst() { #expect(next == model.removeFirst()) }
    #expect(model.isEmpty && queue.isEmpty)
  }
}

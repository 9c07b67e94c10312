import Runtime
import Testing

@Suite struct AsyncSemaphoreTests {
  private let clock = ManualClock()
  private var soon: MonotonicInstant { clock.now.advanced(byMs: 10) }

  @Test func atMostThePermittedNumberRunsAtOnce() async throws {
    let semaphore = AsyncSemaphore(permits: 3, maximumWaiters: 100)
    let counts = Guarded((running: 0, highest: 0))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask { [clock] in
          try await semaphore.withPermit(until: .distantFuture, on: clock) {
            counts.withLock { counts in
              counts.running += 1
              counts.highest = max(counts.highest, counts.running)
            }
            for _ in 0..<5 { await Task.yield() }
            counts.withLock { $0.running -= 1 }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(counts.value.highest <= 3)
    #expect(semaphore.heldPermits == 0)
    #expect(semaphore.waiterCount == 0)
  }

  @Test func aFullQueueRefusesAtOnce() async throws {
    let semaphore = AsyncSemaphore(permits: 1, maximumWaiters: 0)
    try await semaphore.acquire(until: soon, on: clock)
    await #expect(throws: AsyncSemaphoreError.tooManyWaiters) {
      try await semaphore.acquire(until: soon, on: clock)
    }
    semaphore.release()
    try await semaphore.acquire(until: soon, on: clock)
  }

  @Test func aWaiterPastItsDeadlineLeavesTheQueue() async throws {
    let semaphore = AsyncSemaphore(permits: 1, maximumWaiters: 1)
    try await semaphore.acquire(until: soon, on: clock)
    let deadline = soon
    let second = Task { [clock] in try await semaphore.acquire(until: deadline, on: clock) }
    await clock.waitForSleepers(1)
    clock.advance(by: .milliseconds(10))
    await #expect(throws: AsyncSemaphoreError.deadlineExceeded) { try await second.value }
    #expect(semaphore.waiterCount == 0)
    semaphore.release()
    #expect(semaphore.heldPermits == 0)
  }

  @Test func aCancelledWaiterLeavesTheQueueAndThePermitGoesToTheNext() async throws {
    let semaphore = AsyncSemaphore(permits: 1, maximumWaiters: 2)
    try await semaphore.acquire(until: soon, on: clock)
    let deadline = soon
    let first = Task { [clock] in try await semaphore.acquire(until: deadline, on: clock) }
    await clock.waitForSleepers(1)
    let second = Task { [clock] in try await semaphore.acquire(until: deadline, on: clock) }
    await clock.waitForSleepers(2)
    first.cancel()
    await #expect(throws: AsyncSemaphoreError.cancelled) { try await first.value }
    semaphore.release()
    try await second.value
    #expect(semaphore.heldPermits == 1)
  }

  @Test func permitsGoInTheOrderOfAsking() async throws {
    let semaphore = AsyncSemaphore(permits: 1, maximumWaiters: 10)
    try await semaphore.acquire(until: soon, on: clock)
    let order = Guarded<[Int]>([])
    let deadline = soon
    var tasks: [Task<Void, any Error>] = []
    for index in 0..<5 {
      tasks.append(
        Task { [clock] in
          try await semaphore.acquire(until: deadline, on: clock)
          order.withLock { $0.append(index) }
          semaphore.release()
        })
      await clock.waitForSleepers(index + 1)
    }
    #expect(!semaphore.tryAcquire())
    semaphore.release()
    for task in tasks { try await task.value }
    #expect(order.value == [0, 1, 2, 3, 4])
    #expect(semaphore.tryAcquire())
  }

  @Test func noPermitIsLostWhenCancellationAndReleaseRace() async throws {
    let semaphore = AsyncSemaphore(permits: 1, maximumWaiters: 100)
    for _ in 0..<300 {
      try await semaphore.acquire(until: .distantFuture, on: clock)
      let waiter = Task { [clock] in
        try await semaphore.acquire(until: .distantFuture, on: clock)
        semaphore.release()
      }
      async let cancelled: Void = waiter.cancel()
      semaphore.release()
      await cancelled
      _ = await waiter.result
    }
    #expect(semaphore.heldPermits == 0)
    #expect(semaphore.waiterCount == 0)
  }
}

import Runtime
import Testing

private struct Broken: Error, Equatable {}

/// A service that writes down what happens to it.
private struct RecordingService: Service {
  let name: String
  let log: Guarded<[String]>
  var startFailure: Broken?
  /// Awaited at the beginning of `run`; the service fails once it returns.
  var failsAfter: Shutdown?
  var ignoresShutdown = false
  var ignoresCancellation: Shutdown?

  func start(shutdown: Shutdown) async throws {
    log.withLock { $0.append("start \(name)") }
    if let startFailure { throw startFailure }
  }

  func run(shutdown: Shutdown) async throws {
    log.withLock { $0.append("run \(name)") }
    defer { log.withLock { $0.append("end \(name)") } }
    if let failsAfter {
      await failsAfter.wait()
      throw Broken()
    }
    if let ignoresCancellation {
      let release = OneShot<Void>()
      ignoresCancellation.onRequest { release.decide(()) }
      await release.value()
      return
    }
    if ignoresShutdown {
      try await ManualClock().sleep(for: .seconds(1))
    }
    await shutdown.wait()
    log.withLock { $0.append("stop \(name)") }
  }
}

@Suite struct ServiceGroupTests {
  private let log = Guarded<[String]>([])
  private let clock = ManualClock()

  private func group(_ services: [any Service]) -> ServiceGroup {
    ServiceGroup(
      services: services, gracePeriod: .seconds(10), cancelGracePeriod: .seconds(5), clock: clock)
  }

  /// A service that requests the shutdown once those before it run.
  private func trigger(_ shutdown: Shutdown) -> ClosureService {
    ClosureService(name: "trigger") { own in
      shutdown.request(.requested)
      await own.wait()
    }
  }

  @Test func servicesStartInOrderAndStopInReverse() async throws {
    let shutdown = Shutdown()
    try await group([
      RecordingService(name: "a", log: log), RecordingService(name: "b", log: log),
      trigger(shutdown),
    ]).run(until: shutdown)
    let lines = log.value
    #expect(lines.filter { $0.hasPrefix("start") } == ["start a", "start b"])
    #expect(
      lines.filter { $0.hasPrefix("stop") || $0.hasPrefix("end") } == [
        "stop b", "end b", "stop a", "end a",
      ])
  }

  @Test func aFailingServiceStopsTheOthersAndIsReported() async {
    let fails = Shutdown()
    let services: [any Service] = [
      RecordingService(name: "a", log: log),
      RecordingService(name: "b", log: log, failsAfter: fails), trigger(fails),
    ]
    let failure = await #expect(throws: ServiceGroupFailure.self) {
      try await group(services).run(until: Shutdown())
    }
    guard case .failed(service: "b", let error)? = failure?.cause else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(error is Broken)
    #expect(log.value.suffix(2) == ["stop a", "end a"])
  }

  @Test func aServiceThatDoesNotStartKeepsTheLaterOnesFromStarting() async {
    let services: [any Service] = [
      RecordingService(name: "a", log: log),
      RecordingService(name: "b", log: log, startFailure: Broken()),
      RecordingService(name: "c", log: log),
    ]
    let failure = await #expect(throws: ServiceGroupFailure.self) {
      try await group(services).run(until: Shutdown())
    }
    guard case .startFailed(service: "b", _)? = failure?.cause else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(!log.value.contains("start c"))
    #expect(log.value.contains("end a"))
  }

  @Test func aServiceThatReturnsUnaskedIsAFailure() async {
    let failure = await #expect(throws: ServiceGroupFailure.self) {
      try await group([ClosureService(name: "a") { _ in }]).run(until: Shutdown())
    }
    guard case .endedUnexpectedly(service: "a")? = failure?.cause else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test func whatOutlivesTheGracePeriodIsCancelled() async throws {
    let shutdown = Shutdown()
    let running = group([
      RecordingService(name: "slow", log: log, ignoresShutdown: true), trigger(shutdown),
    ])
    async let run: Void = running.run(until: shutdown)
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(10))
    try await run
    #expect(log.value.last == "end slow")
  }

  @Test func whatIgnoresCancellationIsLeftBehindAndNamed() async {
    let shutdown = Shutdown()
    let release = Shutdown()
    let running = group([
      RecordingService(name: "deaf", log: log, ignoresCancellation: release), trigger(shutdown),
    ])
    let run = Task { try await running.run(until: shutdown) }
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(10))
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(5))
    let failure = await #expect(throws: ServiceGroupFailure.self) { try await run.value }
    #expect(failure?.stuck == ["deaf"])
    release.request()
  }

  @Test func cancellingTheGroupSkipsTheGracePeriod() async throws {
    let started = OneShot<Void>()
    let running = group([
      RecordingService(name: "slow", log: log, ignoresShutdown: true),
      ClosureService(name: "last") { shutdown in
        started.decide(())
        await shutdown.wait()
      },
    ])
    let run = Task { try await running.run(until: Shutdown()) }
    await started.value()
    run.cancel()
    try await run.value
    #expect(log.value.last == "end slow")
  }

  @Test func anEmptyGroupReturnsAtOnce() async throws {
    try await group([]).run(until: Shutdown())
  }

  @Test func servicesLearnTheDeadlineOfTheirGracePeriod() async throws {
    let shutdown = Shutdown()
    let deadline = Guarded(MonotonicInstant.distantFuture)
    try await group([
      ClosureService(name: "a") { own in
        shutdown.request(.signal(15))
        await own.wait()
        deadline.withLock { $0 = own.deadline }
      }
    ]).run(until: shutdown)
    #expect(deadline.value == clock.now.advanced(by: .seconds(10)))
  }
}

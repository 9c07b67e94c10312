/// What a service group tells its observer, for logs.
package enum ServiceGroupEvent: Sendable {
  case starting(String)
  case running(String)
  /// The grace period has begun.
  case stopping(ShutdownReason)
  /// A service ended as it should.
  case stopped(String)
  case failed(String, any Error)
  /// The grace period is over; these are cancelled.
  case cancelling([String])
  /// The last period is over; these are left behind.
  case stuck([String])
}

/// Why a service group ended other than by an orderly stop.
package struct ServiceGroupFailure: Error {
  package enum Cause: Sendable {
    case startFailed(service: String, any Error)
    case failed(service: String, any Error)
    /// It returned although nobody had asked it to stop.
    case endedUnexpectedly(service: String)
  }

  /// What happened first; nil when the only failure is that services did not stop.
  package let cause: Cause?
  /// The services that ended neither gracefully nor when cancelled; their tasks still run.
  package let stuck: [String]
}

/// Runs long-lived services: starts them in order, stops them in reverse, and lets none outlive
/// the failure of another.
///
/// Stopping is graceful first (each service's `Shutdown` is requested, from the last to the first,
/// the next when the one before has ended), then by cancelling what is left after
/// `gracePeriod`, and after `cancelGracePeriod` more the group returns without what is stuck.
package struct ServiceGroup: Sendable {
  let services: [any Service]
  let gracePeriod: Duration
  let cancelGracePeriod: Duration
  let clock: any MonotonicClock
  let observer: @Sendable (ServiceGroupEvent) -> Void

  package init(
    services: [any Service], gracePeriod: Duration, cancelGracePeriod: Duration = .seconds(5),
    clock: any MonotonicClock = SystemMonotonicClock(),
    observer: @escaping @Sendable (ServiceGroupEvent) -> Void = { _ in }
  ) {
    precondition(Set(services.map(\.name)).count == services.count, "service names repeat")
    self.services = services
    self.gracePeriod = gracePeriod
    self.cancelGracePeriod = cancelGracePeriod
    self.clock = clock
    self.observer = observer
  }

  /// Runs the services until the trigger is requested, one of them fails, or the task is
  /// cancelled (which skips the grace period).
  ///
  /// - Throws: the first failure, also one that happened while stopping.
  package func run(until trigger: Shutdown) async throws(ServiceGroupFailure) {
    let (signals, sender) = AsyncStream.makeStream(of: ServiceGroupRun.Signal.self)
    trigger.onRequest { sender.yield(.stopRequested(trigger.reason ?? .requested)) }
    // A task of its own, since the reading of a stream ends when its task is cancelled, while the
    // group has to see its services end in that case too.
    let driver = Task {
      var run = ServiceGroupRun(group: self, sender: sender)
      return await run.drive(signals)
    }
    let failure = await withTaskCancellationHandler {
      await driver.value
    } onCancel: {
      sender.yield(.cancelled)
    }
    if let failure {
      throw failure
    }
  }
}

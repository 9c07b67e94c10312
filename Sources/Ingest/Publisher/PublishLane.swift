import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// One lane of the publisher: a queue and the loop that empties it.
final class PublishLane: Sendable {
  private struct State {
    var queue: GroupQueue<Publisher.Answer>
    var isStopped = false
  }

  private let state: Lock<State>
  private let wakeUp = Notifier()
  private let bus: any IngestBus
  private let options: Publisher.Options
  private let clock: any MonotonicClock
  private let metrics: DuckMeshMetrics
  private let logger: Logger
  private let onPublished: Publisher.Listener

  init(
    bus: any IngestBus, options: Publisher.Options, clock: any MonotonicClock,
    metrics: DuckMeshMetrics, logger: Logger, onPublished: @escaping Publisher.Listener
  ) {
    state = Lock(
      State(
        queue: GroupQueue(
          limits: .init(
            waitingBytes: options.waitingBytes, waitingRequests: options.waitingRequests,
            groupBytes: options.groupBytes, groupRecords: options.groupRecords))))
    self.bus = bus
    self.options = options
    self.clock = clock
    self.metrics = metrics
    self.logger = logger
    self.onPublished = onPublished
  }

  var waitingBytes: Int { state.withLock { $0.queue.waitingBytes } }

  func publish(
    _ submission: Submission
  ) async throws(PublisherError) -> Result<PublishOutcome, PublisherError> {
    let answer = Publisher.Answer()
    typealias Arrival = (wasIdle: Bool, displaced: [GroupQueue<Publisher.Answer>.Item])
    let arrival = try state.withLock { (state) throws(PublisherError) -> Arrival in
      guard !state.isStopped else { throw .stopped }
      let wasEmpty = state.queue.isEmpty
      guard case .taken(let displaced) = state.queue.append(submission, answer) else {
        throw .queueFull
      }
      return (wasEmpty, displaced)
    }
    for item in arrival.displaced { item.entry.decide(.failure(.queueFull)) }
    if arrival.wasIdle { wakeUp.notify() }
    return await answer.value()
  }

  /// Publishes until the shutdown, then what is left in the queue, then refuses.
  func run(shutdown: Shutdown) async {
    shutdown.onRequest { [wakeUp] in wakeUp.notify() }
    while true {
      let group = state.withLock { $0.queue.takeGroup() }
      if !group.isEmpty {
        await publish(group)
        continue
      }
      let isDone = state.withLock { state in
        state.isStopped = state.queue.isEmpty && (shutdown.isRequested || Task.isCancelled)
        return state.isStopped
      }
      if isDone { return }
      _ = await wakeUp.wait()
    }
  }

  private func publish(_ entries: [(submission: Submission, entry: Publisher.Answer)]) async {
    let (group, order) = PublishGroup.forming(entries.map(\.submission))
    let started = clock.now
    let outcomes: [PublishOutcome]
    let mayHaveComeBefore: Bool
    do {
      (outcomes, mayHaveComeBefore) = try await publishResending(group)
    } catch {
      logger.error(
        "publishing failed", errorCode: "PUBLISH_FAILED",
        [.recordCount: LogValue(entries.count), .detail: LogValue("\(error)")])
      for (_, answer) in entries { answer.decide(.failure(error)) }
      return
    }
    CrashPoint.afterPublish.reached()
    metrics.ingest.publishLatencyMs.observe((clock.now - started).milliseconds)
    metrics.ingest.publishGroupRecords.observe(
      Double(group.tenants.reduce(0) { $0 + $1.body.recordCount }))
    report(group, outcomes)
    for (position, index) in order.enumerated() {
      let isUnknown = mayHaveComeBefore && !outcomes[position].tellsOfEarlierSendings
      entries[index].entry.decide(
        isUnknown ? .failure(.outcomeUnknown) : .success(outcomes[position]))
    }
  }

  /// Sends a group, again while its outcome is unknown: its keys answer what became of it.
  ///
  /// - Returns: the outcomes of the last sending, and whether an earlier one may be durable.
  private func publishResending(
    _ group: PublishGroup
  ) async throws(PublisherError) -> ([PublishOutcome], Bool) {
    var flow = PublishProtocol(attemptLimit: options.attempts)
    var action = flow.begin()
    var reply = Result<[PublishOutcome], BusError>.failure(.closed)
    while action == .send {
      do {
        reply = .success(try await bus.publish(group))
      } catch {
        reply = .failure(error)
      }
      action = flow.received(Self.meaning(of: reply))
    }
    switch (action, reply) {
    case (.acknowledge, .success(let outcomes)): return (outcomes, flow.mayBeApplied)
    case (.refuse, .failure(let error)): throw PublisherError(error)
    default: throw .outcomeUnknown
    }
  }

  private static func meaning(
    of reply: Result<[PublishOutcome], BusError>
  ) -> PublishProtocol.Reply {
    switch reply {
    case .success: .durable
    case .failure(let error):
      error.isCertainlyNotApplied ? .certainlyNotApplied : .outcomeUnknown
    }
  }

  private func report(_ group: PublishGroup, _ outcomes: [PublishOutcome]) {
    var position = 0
    for batch in group.tenants {
      let answers = outcomes[position..<position + batch.requests.count]
      position += batch.requests.count
      let accepted = answers.compactMap { outcome -> PublishOutcome.Acceptance? in
        if case .accepted(let acceptance) = outcome { acceptance } else { nil }
      }
      if let head = accepted.first?.head, accepted.contains(where: { $0.newCount > 0 }) {
        onPublished(batch.tenant, head, batch.body.byteCount)
      }
    }
  }
}

extension PublishOutcome {
  /// Whether the keys were asked: a table that is gone or was altered is found out before them, and
  /// an earlier sending may have come before the change.
  fileprivate var tellsOfEarlierSendings: Bool {
    switch self {
    case .accepted, .keyReused: true
    case .tableGone, .schemaChanged: false
    }
  }
}

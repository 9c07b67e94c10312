import Runtime
import WorkerProtocol

/// Talks one query through with its worker: QUERY, NEED and RELATIONS, HEAD, ROWS, END or FAILURE.
///
/// It always reads to the last frame, also when nobody wants the rows any more, so that the worker
/// can be used again; a worker that does not come to an end is killed from outside.
struct QueryConversation {
  enum Outcome {
    case complete
    case failed(QueryFailure)
    /// The process ended, or broke the protocol.
    case lost
    case unresolved(any Error, leavesWorkerUsable: Bool)
    case refusedBySink(any Error, leavesWorkerUsable: Bool)
  }

  /// More tables than any statement names; the number comes from the worker.
  private static let maximumNeededTables = 4_096

  let ticket: PoolState.Ticket
  let query: WorkerQuery
  let process: WorkerProcess

  /// - Parameter abandon: asks for the query to be stopped.
  func run(
    resolve: @Sendable (NeedMessage) async throws -> ResolvedRelations, output: some AnswerSink,
    abandon: @Sendable () -> Void
  ) async -> Outcome {
    process.send(QueryMessage(id: ticket, query: query))
    var stage = Stage.asked
    var resolutionError: (any Error)?
    var sinkError: (any Error)?
    while let frame = await process.mailbox.next() {
      do {
        switch (frame.kind, stage) {
        case (.need, .asked):
          stage = .resolved
          let need = try Self.need(frame)
          let answer: RelationsMessage
          do {
            answer = try Self.sendable(.resolved(try await resolve(need)))
          } catch {
            resolutionError = error
            answer = .abandoned
          }
          process.send(answer)
        case (.head, .asked), (.head, .resolved):
          stage = .headed
          let head = try AnswerHead(decoding: frame.body)
          try await hand(abandon, &sinkError) { try await output.head(head) }
        case (.rows, .headed):
          try await hand(abandon, &sinkError) { try await output.rows(frame.body) }
        case (.end, .headed):
          let end = try AnswerEnd(decoding: frame.body)
          try await hand(abandon, &sinkError) { try await output.end(end) }
          return sinkError.map { .refusedBySink($0, leavesWorkerUsable: true) } ?? .complete
        case (.failure, _):
          let failure = try QueryFailure(decoding: frame.body)
          let isUsable = !failure.retiresWorker
          if let resolutionError {
            return .unresolved(resolutionError, leavesWorkerUsable: isUsable)
          }
          if let sinkError { return .refusedBySink(sinkError, leavesWorkerUsable: isUsable) }
          return .failed(failure)
        default:
          return .lost
        }
      } catch {
        return .lost
      }
    }
    if let resolutionError { return .unresolved(resolutionError, leavesWorkerUsable: false) }
    return sinkError.map { .refusedBySink($0, leavesWorkerUsable: false) } ?? .lost
  }

  private enum Stage {
    case asked, resolved, headed
  }

  private static func need(_ frame: Frame) throws(FrameError) -> NeedMessage {
    let need = try NeedMessage(decoding: frame.body)
    guard need.tables.count <= maximumNeededTables else { throw .malformed }
    return need
  }

  /// - Throws: `tooLong` when the tables' definitions do not fit a frame.
  private static func sendable(
    _ message: RelationsMessage
  ) throws(FrameError) -> RelationsMessage {
    guard message.body.count <= FrameSocket.maximumBodyBytes else { throw .tooLong }
    return message
  }

  /// Hands something to the sink unless it has refused before.
  private func hand(
    _ abandon: @Sendable () -> Void, _ sinkError: inout (any Error)?,
    _ body: () async throws -> Void
  ) async throws {
    guard sinkError == nil else { return }
    do {
      try await body()
    } catch {
      sinkError = error
      abandon()
    }
  }
}

extension QueryConversation.Outcome {
  var leavesWorkerUsable: Bool {
    switch self {
    case .complete: true
    case .failed(let failure): !failure.retiresWorker
    case .lost: false
    case .unresolved(_, let isUsable), .refusedBySink(_, let isUsable): isUsable
    }
  }

  /// - Throws: what the caller of the query is told.
  func check(
    isOverdue: Bool, isCancelled: Bool, isStopping: Bool
  ) throws(WorkerError) {
    switch self {
    case .complete: return
    case .unresolved(let error, _): throw .resolution(error)
    case .refusedBySink(let error, _): throw .output(error)
    case .lost, .failed(QueryFailure.stopped):
      if isOverdue { throw .timedOut }
      if isCancelled { throw .cancelled }
      if isStopping { throw .stopping }
      if case .failed(let failure) = self { throw .failed(failure) }
      throw .workerLost
    case .failed(let failure): throw .failed(failure)
    }
  }
}

extension QueryFailure {
  /// Matches a failure that somebody other than the statement brought about.
  fileprivate struct Stopped {
    static func ~= (pattern: Stopped, failure: QueryFailure) -> Bool {
      failure.failure == .cancelled
    }
  }

  fileprivate static let stopped = Stopped()
}

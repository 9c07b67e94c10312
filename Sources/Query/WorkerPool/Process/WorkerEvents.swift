import WorkerProtocol

/// What a worker process tells before and after its queries; called on the worker's own threads.
struct WorkerEvents: Sendable {
  var ready: @Sendable (ReadyMessage) -> Void
  var bound: @Sendable (BoundMessage) -> Void
  /// It could not become what it was asked to be; its end follows.
  var refused: @Sendable (RefusedMessage) -> Void
  /// The process has been reaped and its temporary folder removed.
  var exited: @Sendable () -> Void
}

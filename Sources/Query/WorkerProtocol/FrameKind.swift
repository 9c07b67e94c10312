/// What a frame carries, in the order in which a worker's life meets them.
package enum FrameKind: UInt8, Sendable, CaseIterable {
  /// Worker → server: a spare is warm (`ReadyMessage`).
  case ready = 1
  /// Server → worker: serve this tenant from now on (`BindMessage`).
  case bind
  /// Worker → server: limits and sandbox stand (`BoundMessage`).
  case bound
  /// Worker → server: it cannot serve, and ends (`RefusedMessage`).
  case refused
  /// Server → worker: run this (`QueryMessage`).
  case query
  /// Worker → server: the tables that the statement names (`NeedMessage`).
  case need
  /// Server → worker: what stands behind those names (`RelationsMessage`).
  case relations
  /// Worker → server: columns and types of the answer (`HeadMessage`).
  case head
  /// Worker → server: rendered rows, as many frames as it takes.
  case rows
  /// Worker → server: the answer is complete (`EndMessage`).
  case end
  /// Worker → server: the query failed (`FailureMessage`).
  case failure
  /// Server → worker: stop the query with this id (`CancelMessage`).
  case cancel
  /// Server → worker: attempt an operation; refused unless the worker was started for probing.
  case probe
  /// Worker → server: how the attempt ended.
  case probed
}

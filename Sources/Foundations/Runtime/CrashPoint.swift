import Glibc

/// Places between two durable steps at which a crash test kills the process.
///
/// A test hook, compiled always so that what is tested is what is served. It does nothing unless
/// the environment has `DUCKMESH_ENABLE_CRASH_POINTS=1` and names a point in
/// `DUCKMESH_CRASH_POINT`; reaching that point is then the end of the process, as `kill -9` would
/// end it. With `:stop` after the name the process stops there, once, as `kill -STOP` would stop
/// it, until somebody continues it. The server refuses to start with a point that is not enabled
/// or not known.
package enum CrashPoint: String, Sendable, CaseIterable {
  /// The publishing transaction has written everything and has not committed.
  case insidePublish = "inside-publish"
  /// Events are durable in the bus; no client has been told.
  case afterPublish = "after-publish"
  /// An upload's files are durable; nothing refers to them.
  case afterUpload = "after-upload"
  case afterClaim = "after-claim"
  /// A tenant is leased for the sake of its dead letters.
  case afterReplayClaim = "after-replay-claim"
  /// Files are in staging.
  case afterMaterialize = "after-materialize"
  /// Files are durable in the lake; no commit names them.
  case afterPut = "after-put"
  /// The commit's transaction has written everything and has not committed.
  case insideCommit = "inside-commit"
  /// A snapshot holds the events; nobody has been told.
  case afterCommit = "after-commit"
  /// The bus still holds what a snapshot holds.
  case beforeAcknowledge = "before-acknowledge"
  /// Events of a replay are durable in the bus; the replay does not know.
  case insideEventReplay = "inside-event-replay"
  case mergeAfterPut = "merge-after-put"
  case insideMerge = "inside-merge"
  case insideRewrite = "inside-rewrite"
  case mergeAfterCommit = "merge-after-commit"
  /// Snapshots are gone and their files scheduled.
  case expiryAfterCommit = "expiry-after-commit"
  /// Files are deleted and still scheduled.
  case expiryAfterDelete = "expiry-after-delete"
  /// A restored catalog is adopted; the object store does not know.
  case insideAdoption = "inside-adoption"

  package static let variable = "DUCKMESH_CRASH_POINT"
  package static let enablingVariable = "DUCKMESH_ENABLE_CRASH_POINTS"

  private static let stopSuffix = ":stop"

  /// Read once: a point is armed for the life of the process.
  private static let armed: (point: CrashPoint, stops: Bool)? = {
    guard areEnabled else { return nil }
    return value(of: variable).flatMap(parse)
  }()

  private static let hasStopped = Lock(false)

  private static func parse(_ text: String) -> (point: CrashPoint, stops: Bool)? {
    let stops = text.hasSuffix(stopSuffix)
    let name = stops ? String(text.dropLast(stopSuffix.count)) : text
    return CrashPoint(rawValue: name).map { ($0, stops) }
  }

  /// Whether the environment allows hooks that end the process.
  static var areEnabled: Bool { value(of: enablingVariable) == "1" }

  private static func value(of variable: String) -> String? {
    getenv(variable).map { String(cString: $0) }
  }

  /// Ends or stops the process here if a test has armed this point.
  package func reached() {
    guard let armed = Self.armed, armed.point == self else { return }
    guard armed.stops else {
      kill(getpid(), SIGKILL)
      return
    }
    let isFirst = Self.hasStopped.withLock { hasStopped in
      defer { hasStopped = true }
      return !hasStopped
    }
    // To this thread: a signal to the process may go to a thread that waits for a core, and until
    // that one has it this one would go on.
    if isFirst { raise(SIGSTOP) }
  }

  /// Why the environment's wish for a crash cannot be granted; nil when there is none or it can.
  package static func refusal(environment: [String: String]) -> String? {
    for hook in [variable, PoisonText.variable]
    where environment[hook] != nil && environment[enablingVariable] != "1" {
      return "\(hook) is for crash tests and needs \(enablingVariable)=1"
    }
    guard let name = environment[variable] else { return nil }
    return parse(name) == nil ? "\(variable): no such point: \(name)" : nil
  }
}

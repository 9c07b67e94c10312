/// What becomes of one group on its way to the bus: sent, sent again, answered.
///
/// The caller does what `begin` and `received` say and reports what came of it.
///
/// Invariant: a group is acknowledged only after the bus has said that it is durable, and is called
/// certainly not durable only if that holds for every time it was sent.
package struct PublishProtocol: Sendable {
  package enum Reply: Sendable, Equatable {
    case durable
    case certainlyNotApplied
    case outcomeUnknown
  }

  package enum Action: Sendable, Equatable {
    case send
    case acknowledge
    /// Nothing of the group is durable.
    case refuse
    /// Some of it may be durable, also later; the clients send it again, and its keys answer.
    case reportUnknown
  }

  private let attemptLimit: Int
  private var attempts = 0

  /// Whether an earlier sending may be durable. Then only an answer that comes from the keys is
  /// one: what is found out before them (the table is gone or altered, a producer is fenced or has
  /// gone on) may have come after that sending, and says nothing of it.
  package private(set) var mayBeApplied = false

  /// - Parameter attemptLimit: how often a group is sent while its outcome is unknown.
  package init(attemptLimit: Int) { self.attemptLimit = attemptLimit }

  package mutating func begin() -> Action {
    attempts = 1
    return .send
  }

  package mutating func received(_ reply: Reply) -> Action {
    switch reply {
    case .durable: return .acknowledge
    case .certainlyNotApplied: return mayBeApplied ? .reportUnknown : .refuse
    case .outcomeUnknown:
      mayBeApplied = true
      guard attempts < attemptLimit else { return .reportUnknown }
      attempts += 1
      return .send
    }
  }
}

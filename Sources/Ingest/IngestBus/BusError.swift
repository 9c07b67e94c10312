/// Why the bus could not do what was asked.
package enum BusError: Error, Equatable, Sendable {
  /// The backend is out of reach or failing; nothing was applied.
  case unavailable(reason: String)
  /// The backend has no space left; nothing was applied.
  case storageFull
  /// The call was sent and its outcome is not known; publishing again is safe, the keys answer.
  case outcomeUnknown(reason: String)
  /// What is stored contradicts itself or cannot be read back.
  case damaged(reason: String)
  /// The bus is closed.
  case closed

  /// Whether the call certainly changed nothing.
  package var isCertainlyNotApplied: Bool {
    switch self {
    case .unavailable, .storageFull, .damaged, .closed: true
    case .outcomeUnknown: false
    }
  }
}

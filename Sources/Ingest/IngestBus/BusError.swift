/// Why the bus could not do what was asked.
package enum BusError: Error, Equatable, Sendable {
  /// The backend is out of reach or failing; nothing was applied.
  case unavailable(reason: String)
  /// The backend has no space left; nothing was applied.
  case storageFull
  /// The call was sent and its outcome is not known; publishing again is safe, the keys answer.
  case outcomeUnknown(reason: String)
  /// A stored segment cannot be read back: the catalog is damaged.
  case damagedSegment(tenant: Int64, firstToken: Int64)
  /// The bus is closed.
  case closed

  /// Whether the call certainly changed nothing.
  package var isCertainlyNotApplied: Bool {
    switch self {
    case .unavailable, .storageFull, .damagedSegment, .closed: true
    case .outcomeUnknown: false
    }
  }
}

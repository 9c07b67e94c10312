/// What a listener tells.
package enum PostgreSQLListenerEvent: Sendable, Equatable {
  /// Listening, for the first time or again: anything may have been missed before.
  case connected
  case disconnected
  case notification(channel: String, payload: String)
}

/// Where bytes stop being JSON.
package struct JSONProblem: Error, Sendable, Equatable {
  /// Bytes from the start.
  package var offset: Int
  package var reason: String
}

/// Where bytes stop being JSON.
struct JSONProblem: Error, Sendable, Equatable {
  /// Bytes from the start.
  var offset: Int
  var reason: String
}

import HTTPClient

/// When a failed request is sent again, and after how long.
///
/// Sending again is safe because every record carries its idempotency key.
package struct RetryPolicy: Sendable {
  package var maximumAttempts = 10
  package var firstDelayMs = 200
  package var maximumDelayMs = 10_000
  /// The longest wait that a server's Retry-After is granted.
  package var maximumRetryAfterMs = 60_000

  package init() {}

  /// How long to wait after the attempt of that number, from 1; nil when it was the last.
  ///
  /// The wait doubles with each attempt, of which a random half is taken away so that many
  /// clients do not come back together. A server's own wish is a lower bound.
  /// - Parameter random: from 0 up to 1.
  package func delayMs(afterAttempt attempt: Int, retryAfterMs: Int?, random: Double) -> Int? {
    guard attempt < maximumAttempts else { return nil }
    let doubled = firstDelayMs << min(attempt - 1, 20)
    let longest = Double(min(doubled, maximumDelayMs))
    let delay = Int(longest * (0.5 + random / 2))
    return max(delay, min(retryAfterMs ?? 0, maximumRetryAfterMs))
  }

  package static func isWorthRetrying(_ refusal: ServerRefusal) -> Bool {
    switch refusal.status {
    // A gateway's own answers carry no body that could say so.
    case 429, 502, 503, 504: true
    default: refusal.isRetryable
    }
  }

  package static func isWorthRetrying(_ error: HTTPClientError) -> Bool {
    switch error {
    case .timedOut, .cannotResolve, .cannotConnect, .connectionLost, .transferFailed: true
    case .invalidURL, .unsupportedScheme, .invalidMethod, .invalidHeader, .invalidSetting,
      .closed, .cancelled, .tlsFailed, .malformedResponse, .responseTooLarge, .stoppedBySink,
      .tooManyWaiting, .resourcesExhausted:
      false
    }
  }

  /// Reads a Retry-After in seconds; its other form, a date, is left to the back-off.
  package static func retryAfterMs(_ header: String?) -> Int? {
    guard let header, let seconds = Int(header), seconds >= 0 else { return nil }
    return min(seconds, 86_400) * 1_000
  }
}

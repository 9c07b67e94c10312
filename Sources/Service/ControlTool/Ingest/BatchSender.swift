import HTTPClient

/// Sends one batch at a time until it is answered for good. Shared between threads.
package struct BatchSender: Sendable {
  package struct Delivery: Sendable, Equatable {
    package var receipt: IngestReceipt
    package var attempts: Int
  }

  private enum Attempt {
    case delivered(IngestReceipt)
    case failed(ToolFailure)
    /// Failed in a way that may pass.
    case postponed(ToolFailure, retryAfterMs: Int?)
  }

  let connection: ServerConnection
  let table: String
  let policy: RetryPolicy
  let timeoutMs: Int
  /// Ends the waiting between attempts.
  let stop: StopSignal
  /// No attempt is made after it.
  var deadline: ContinuousClock.Instant?

  /// - Throws: the last attempt's failure, or `interrupted`.
  package func deliver(_ batch: Batch) throws(ToolFailure) -> Delivery {
    try deliver(
      connection.request(
        "POST", "/v1/ingest/" + ServerConnection.encoded(table), body: batch.body,
        timeoutMs: timeoutMs))
  }

  /// - Throws: the last attempt's failure, or `interrupted`.
  func deliver(_ request: ClientRequest) throws(ToolFailure) -> Delivery {
    var attempts = 0
    while true {
      attempts += 1
      switch attempt(request) {
      case .delivered(let receipt):
        return Delivery(receipt: receipt, attempts: attempts)
      case .failed(let failure):
        throw failure
      case .postponed(let failure, let retryAfterMs):
        let delayMs = policy.delayMs(
          afterAttempt: attempts, retryAfterMs: retryAfterMs, random: .random(in: 0..<1))
        guard let delayMs, !isTooLate(afterMs: delayMs) else { throw failure }
        if stop.sleep(milliseconds: delayMs), let reason = stop.reason {
          throw .interrupted(by: reason)
        }
      }
    }
  }

  private func isTooLate(afterMs delayMs: Int) -> Bool {
    guard let deadline else { return false }
    return ContinuousClock.now + .milliseconds(delayMs) >= deadline
  }

  private func attempt(_ request: ClientRequest) -> Attempt {
    let response: ClientResponse
    do throws(HTTPClientError) {
      response = try connection.client.sendBlocking(request)
    } catch {
      if let reason = stop.reason, error == .closed { return .failed(.interrupted(by: reason)) }
      let failure = ToolFailure(error)
      return RetryPolicy.isWorthRetrying(error)
        ? .postponed(failure, retryAfterMs: nil) : .failed(failure)
    }
    guard (200..<300).contains(response.status) else {
      let refusal = ServerRefusal(response)
      if let receipt = IngestReceipt(deadLetteredBy: refusal) {
        return .delivered(receipt)
      }
      // What is durable need not be sent again as a whole to be waited for.
      if request.bodyPath != nil, refusal.errorCode == "CONSISTENCY_TIMEOUT" {
        return .failed(.refused(refusal))
      }
      let retryAfterMs = RetryPolicy.retryAfterMs(response.header("Retry-After"))
      return RetryPolicy.isWorthRetrying(refusal)
        ? .postponed(.refused(refusal), retryAfterMs: retryAfterMs) : .failed(.refused(refusal))
    }
    do throws(ToolFailure) {
      guard let receipt = IngestReceipt(try ServerConnection.json(response)) else {
        return .failed(.unexpectedAnswer("a receipt without its counts"))
      }
      return .delivered(receipt)
    } catch {
      return .failed(error)
    }
  }
}

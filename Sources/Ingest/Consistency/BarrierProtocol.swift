import Model

/// What a reader who names a token does, from its question to its snapshot.
///
/// The caller reads the tenant's progress, then does what each method says and reports what came of
/// it with the next one.
///
/// Invariant: `answer` follows only on a snapshot, read from the catalog, whose watermark is at or
/// above the token. What the hub says is a reason to look, never an answer.
package struct BarrierProtocol: Sendable {
  package enum Action: Sendable, Equatable {
    case wait
    case readLatestSnapshot
    /// See whether the event of the token is a dead letter.
    case readDeadLetter
    /// Run on the snapshot that was read last.
    case answer
    case fail(Failure)
  }

  package enum Failure: Sendable, Equatable {
    case tokenNeverIssued
    /// The token's event was lost when the catalog was restored, or there never was one.
    case tokenVoid
    case notReached
    case tooManyWaiters
    case cancelled
    case deadLettered
  }

  package enum WaitOutcome: Sendable, Equatable {
    case released
    case timedOut
    case refused
    case cancelled
  }

  package let token: VisibilityToken
  private let allowsDeadLetters: Bool

  package init(token: VisibilityToken, allowsDeadLetters: Bool) {
    self.token = token
    self.allowsDeadLetters = allowsDeadLetters
  }

  /// The first step: the tenant's head, the watermark of its latest snapshot and its void tokens,
  /// read together.
  package func readProgress(
    head: VisibilityToken, watermark: VisibilityToken, voids: VoidRanges = .none
  ) -> Action {
    // Said only after reading the head itself: a token that is merely unknown here may exist.
    guard token <= head else { return .fail(.tokenNeverIssued) }
    // A watermark has passed or will pass it, which says nothing of its event.
    guard !voids.contains(token) else { return .fail(.tokenVoid) }
    return watermark >= token ? reached() : .wait
  }

  package func waited(_ outcome: WaitOutcome) -> Action {
    switch outcome {
    case .released: .readLatestSnapshot
    case .timedOut: .fail(.notReached)
    case .refused: .fail(.tooManyWaiters)
    case .cancelled: .fail(.cancelled)
    }
  }

  package func readSnapshot(watermark: VisibilityToken) -> Action {
    watermark >= token ? reached() : .fail(.notReached)
  }

  /// - Parameters:
  ///   - isOne: whether the event is a dead letter, or was one that was discarded.
  ///   - isShown: false for a dead letter that was replayed after the snapshot that was read last.
  package func readDeadLetter(isOne: Bool, isShown: Bool = true) -> Action {
    if isOne { return .fail(.deadLettered) }
    return isShown ? .answer : .readLatestSnapshot
  }

  private func reached() -> Action { allowsDeadLetters ? .answer : .readDeadLetter }
}

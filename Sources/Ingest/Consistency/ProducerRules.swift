/// How far a producer that numbers its batches has come.
package struct ProducerState: Sendable, Equatable {
  package var epoch: Int64
  /// The last batch that was accepted in this epoch.
  package var sequence: Int64

  package init(epoch: Int64, sequence: Int64) {
    self.epoch = epoch
    self.sequence = sequence
  }
}

/// Which batch of a producer may be accepted.
///
/// A producer numbers its batches one after the other; each life of it has an epoch above those
/// before. The first batch of an epoch sets where its numbers begin.
package enum ProducerRules {
  package enum Verdict: Sendable, Equatable {
    case next
    /// Accepted before, unless it is no batch of this epoch: its key answers.
    case repeated
    /// A later life of the producer has begun.
    case fenced(current: Int64)
    /// Not the one that must come next; something is lost, or it is too old to be told of.
    case gap(expected: Int64)
  }

  /// Batches whose repetition is answered by their receipt.
  package static let remembered: Int64 = 5

  /// - Parameter state: nil for a producer that is not known.
  package static func judge(
    epoch: Int64, sequence: Int64, _ state: ProducerState?
  ) -> Verdict {
    guard let state, epoch <= state.epoch else { return .next }
    guard epoch == state.epoch else { return .fenced(current: state.epoch) }
    let (expected, isLast) = state.sequence.addingReportingOverflow(1)
    if !isLast, sequence == expected { return .next }
    if sequence <= state.sequence, sequence > state.sequence - remembered { return .repeated }
    return .gap(expected: isLast ? state.sequence : expected)
  }
}

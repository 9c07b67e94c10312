import Model

/// When a tenant's pending events came, as a few steps: so much is known of them, not more than is
/// needed to tell how old what remains after a commit is.
///
/// Invariant: steps rise in head and never fall in time; there are at most `capacity` of them. A
/// step counts as having come with its first event, so nothing is ever taken for younger than the
/// reports have said.
struct Arrivals: Sendable {
  private struct Step {
    var head: VisibilityToken
    var bytes: Int
    let since: Timestamp
  }

  private static let capacity = 8

  private var steps: [Step] = []

  var isEmpty: Bool { steps.isEmpty }
  var head: VisibilityToken { steps.last?.head ?? .none }
  var bytes: Int { steps.reduce(0) { $0 + $1.bytes } }
  /// When the oldest pending event came.
  var oldest: Timestamp? { steps.first?.since }

  /// Events up to `head` came.
  ///
  /// - Parameter stepMs: what comes within so many milliseconds of a step's first event joins it.
  mutating func add(head: VisibilityToken, bytes: Int, at now: Timestamp, stepMs: Int) {
    guard let last = steps.last else {
      steps.append(Step(head: head, bytes: bytes, since: now))
      return
    }
    // Reports overtake each other: one of what is known already adds its bytes only.
    if head <= last.head || now < last.since.adding(milliseconds: stepMs) {
      steps[steps.count - 1].head = max(last.head, head)
      steps[steps.count - 1].bytes += bytes
      return
    }
    if steps.count == Self.capacity { coarsen() }
    steps.append(Step(head: head, bytes: bytes, since: max(now, last.since)))
  }

  /// At least so many bytes are pending.
  mutating func raise(toBytes total: Int) {
    guard !steps.isEmpty else { return }
    steps[steps.count - 1].bytes += max(0, total - bytes)
  }

  /// What is up to `watermark` is pending no more.
  mutating func drop(through watermark: VisibilityToken) {
    steps.removeAll { $0.head <= watermark }
  }

  /// Every two steps become one, so that a long wait costs no more memory than a short one.
  private mutating func coarsen() {
    steps = stride(from: 0, to: steps.count, by: 2).map { index in
      let pair = steps[index...].prefix(2)
      return Step(
        head: pair.last?.head ?? steps[index].head, bytes: pair.reduce(0) { $0 + $1.bytes },
        since: steps[index].since)
    }
  }
}

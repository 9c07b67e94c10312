import Model

/// When a tenant's pending events came, as a few steps: so much is known of them, not more than is
/// needed to tell how old what remains after a commit is.
///
/// Invariant: steps rise in head and never fall in time; there are at most `capacity` of them. A
/// step counts as having come with its first event, so nothing is ever taken for younger than the
/// reports have said, nor for older by more than the width of a step or two sevenths of the time
/// that they span.
struct Arrivals: Sendable {
  private struct Step {
    /// The head before it.
    var after: VisibilityToken
    var head: VisibilityToken
    var bytes: Int
    var since: Timestamp
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
      steps.append(Step(after: .none, head: head, bytes: bytes, since: now))
      return
    }
    // Reports overtake each other: one of what is known already adds its bytes only.
    if head <= last.head || now < last.since.adding(milliseconds: stepMs) {
      steps[steps.count - 1].head = max(last.head, head)
      steps[steps.count - 1].bytes += bytes
      return
    }
    if steps.count == Self.capacity { joinNearest(before: now) }
    steps.append(Step(after: last.head, head: head, bytes: bytes, since: now))
  }

  /// At least so many bytes are pending, and the oldest event came at `oldest` or later.
  mutating func raise(toBytes total: Int, oldest: Timestamp) {
    guard let first = steps.first else { return }
    // With the first step, so that they do not count any more after the next commit.
    steps[0].bytes += max(0, total - bytes)
    steps[0].since = min(first.since, oldest)
  }

  /// What is up to `watermark` is pending no more.
  mutating func drop(through watermark: VisibilityToken) {
    steps.removeAll { $0.head <= watermark }
    guard let first = steps.first, first.after < watermark else { return }
    // How much is left of a step that was taken in part is not known; the bus will say.
    steps[0].bytes = 0
    steps[0].after = watermark
  }

  /// The two neighbours that together span the least time become one, so that a long wait costs no
  /// more memory than a short one.
  private mutating func joinNearest(before now: Timestamp) {
    let ends = steps.dropFirst(2).map(\.since) + [now]
    let spans = zip(steps, ends).map { step, end in end.microseconds - step.since.microseconds }
    guard let nearest = spans.indices.min(by: { spans[$0] < spans[$1] }) else { return }
    let next = steps.remove(at: nearest + 1)
    steps[nearest].head = next.head
    steps[nearest].bytes += next.bytes
  }
}

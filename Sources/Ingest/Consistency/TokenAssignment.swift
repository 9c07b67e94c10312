import Model

/// The publish rule for one tenant inside one transaction: who gets which token.
///
/// The store offers each record's key in request order and reports what it found; the machine says
/// what that means. It holds the tenant's head (the caller holds the lock on it), so:
///
/// - new keys get `head + 1, head + 2, …` without holes,
/// - a key that is there with the same content is a duplicate and keeps its first token,
/// - a key that is there with other content is a conflict: the whole request is undone, the tokens
///   it was given go to whoever comes next, and nothing of it remains.
package struct TokenAssignment: Sendable {
  /// What the store found at a record's key.
  package enum KeyState: Sendable, Equatable {
    /// The key was not there; the store has inserted it with `nextToken`.
    case inserted
    case present(token: VisibilityToken, content: Int64)
  }

  package enum Step: Sendable, Equatable {
    case new(VisibilityToken)
    case duplicate(VisibilityToken)
    /// The request is refused; the store deletes the keys it inserted for this request.
    case conflict
  }

  private var head: VisibilityToken
  private var headAtRequestStart: VisibilityToken
  private var isRequestRefused = false

  package init(head: VisibilityToken) {
    self.head = head
    headAtRequestStart = head
  }

  /// The token that the next new key gets.
  package var nextToken: VisibilityToken { head.advanced(by: 1) }

  /// The tenant's head once everything offered so far is committed.
  package var committedHead: VisibilityToken { head }

  package mutating func beginRequest() {
    headAtRequestStart = head
    isRequestRefused = false
  }

  package mutating func offer(content: Int64, state: KeyState) -> Step {
    precondition(!isRequestRefused, "a refused request takes no further records")
    switch state {
    case .inserted:
      head = nextToken
      return .new(head)
    case .present(let token, let stored) where stored == content:
      return .duplicate(token)
    case .present:
      isRequestRefused = true
      head = headAtRequestStart
      return .conflict
    }
  }
}

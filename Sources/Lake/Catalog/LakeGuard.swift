import Runtime

/// Holds a process to the catalog with which it started.
///
/// Invariant: once it objects it does so for the life of the process. What the process knows (the
/// watermarks, the tables, whose tokens are whose) is of a life of the catalog that may be lost.
package final class LakeGuard: Sendable {
  private struct State {
    var expected: LakeIdentity?
    var mark: LakeMark?
    var objection: String?
  }

  private let state = Lock(State())

  package init() {}

  /// From here on only this catalog is right.
  package func arm(_ found: LakeState) {
    state.withLock { state in
      state.expected = found.identity
      state.mark = found.mark
    }
  }

  /// Why the catalog must not be used any more; nil when it may.
  package var objection: String? { state.withLock { $0.objection } }

  /// What judges what a catalog will say of itself.
  ///
  /// To be had before the catalog is asked: what is known by then the answer must not be behind.
  /// The judge returns why the catalog must not be used, or nil when it is the one.
  package func judge() -> @Sendable (LakeState) -> String? {
    let known = state.withLock { $0.mark }
    return { [self] found in refusal(found, known: known) }
  }

  private func refusal(_ found: LakeState, known: LakeMark?) -> String? {
    state.withLock { state in
      guard let expected = state.expected else { return nil }
      if let objection = state.objection { return objection }
      if found.identity != expected {
        state.objection = "the catalog was replaced by another copy; restart this process"
      } else if let known, found.mark.isBehind(known) {
        state.objection = "the catalog went back in time; restart this process"
      } else if state.mark?.isBehind(found.mark) != false {
        state.mark = found.mark
      }
      return state.objection
    }
  }

  /// Judges what the object store says of the lake.
  package func refusal(_ record: LakeRecord?) -> String? {
    state.withLock { state in
      guard let expected = state.expected else { return nil }
      if let objection = state.objection { return objection }
      guard record?.names(expected) != true else { return nil }
      state.objection = "another copy of the catalog was adopted; restart this process"
      return state.objection
    }
  }
}

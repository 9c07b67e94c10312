import Consistency
import Model
import Testing

@Suite struct TokenAssignmentTests {
  @Test func newKeysAreNumberedFromTheHeadOn() {
    var assignment = TokenAssignment(head: VisibilityToken(7))
    assignment.beginRequest()
    #expect(assignment.nextToken == VisibilityToken(8))
    let step1 = assignment.offer(content: 1, state: .inserted)
    #expect(step1 == .new(VisibilityToken(8)))
    let step2 = assignment.offer(content: 1, state: .inserted)
    #expect(step2 == .new(VisibilityToken(9)))
    #expect(assignment.committedHead == VisibilityToken(9))
  }

  @Test func aDuplicateKeepsItsTokenAndTakesNone() {
    var assignment = TokenAssignment(head: VisibilityToken(7))
    assignment.beginRequest()
    let first = VisibilityToken(3)
    let step = assignment.offer(content: 5, state: .present(token: first, content: 5))
    #expect(step == .duplicate(first))
    #expect(assignment.nextToken == VisibilityToken(8))
  }

  @Test func aConflictGivesBackTheTokensOfItsRequestOnly() {
    var assignment = TokenAssignment(head: .none)
    assignment.beginRequest()
    _ = assignment.offer(content: 1, state: .inserted)
    assignment.beginRequest()
    _ = assignment.offer(content: 2, state: .inserted)
    _ = assignment.offer(content: 3, state: .inserted)
    let known = TokenAssignment.KeyState.present(token: VisibilityToken(1), content: 1)
    let step3 = assignment.offer(content: 9, state: known)
    #expect(step3 == .conflict)
    #expect(assignment.committedHead == VisibilityToken(1))
    assignment.beginRequest()
    let step4 = assignment.offer(content: 4, state: .inserted)
    #expect(step4 == .new(VisibilityToken(2)))
  }

  /// Against a plain map as store: whatever is offered, tokens are dense and each belongs to the
  /// key that got it first.
  @Test(arguments: Array(UInt64(1)...50))
  func tokensAreDenseUnderAnyMix(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var store: [Int: (token: VisibilityToken, content: Int64)] = [:]
    var head = VisibilityToken.none
    for _ in 0..<20 {
      var assignment = TokenAssignment(head: head)
      for _ in 0..<random.below(5) {
        assignment.beginRequest()
        var inserted: [Int] = []
        for _ in 0..<random.below(8) {
          let (key, content) = (random.below(60), Int64(random.below(12) == 0 ? 1 : 0))
          let known = store[key]
          let state = known.map {
            TokenAssignment.KeyState.present(token: $0.token, content: $0.content)
          }
          let expected = assignment.nextToken
          let step = assignment.offer(content: content, state: state ?? .inserted)
          guard let known else {
            #expect(step == .new(expected))
            store[key] = (expected, content)
            inserted.append(key)
            continue
          }
          if known.content == content {
            #expect(step == .duplicate(known.token))
            continue
          }
          #expect(step == .conflict)
          for key in inserted { store[key] = nil }
          break
        }
      }
      head = assignment.committedHead
      #expect(
        store.values.map(\.token.rawValue).sorted() == (1..<(head.rawValue + 1)).map { $0 })
    }
  }
}

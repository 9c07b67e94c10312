import Consistency
import Model
import Testing

@Suite struct VoidRangesTests {
  private static func token(_ value: Int64) -> VisibilityToken { VisibilityToken(value) }
  private static func range(_ first: Int64, _ last: Int64) -> VoidRanges.Range {
    VoidRanges.Range(first: token(first), last: token(last))
  }
  private let voids = VoidRanges([range(20, 29), range(4, 6)])

  @Test func aTokenIsVoidInsideOfARangeOnly() {
    let inside = (0...40).filter { voids.contains(Self.token($0)) }
    #expect(inside == [4, 5, 6] + Array(Int64(20)...29))
    #expect(!VoidRanges.none.contains(Self.token(4)))
  }

  @Test func voidTokensAreCountedOneByOneBetweenAnyTwoTokens() {
    for from in Int64(0)...40 {
      for to in from...40 {
        let expected = (from + 1..<to + 1).filter { voids.contains(Self.token($0)) }.count
        #expect(voids.count(after: Self.token(from), through: Self.token(to)) == Int64(expected))
      }
    }
  }

  @Test func aWatermarkStepsOverTheRangeRightAfterItAndOverNoOther() {
    for token in Int64(0)...40 {
      let expected: Int64 = token == 3 ? 6 : token == 19 ? 29 : token
      #expect(voids.landing(Self.token(token)) == Self.token(expected))
    }
  }
}

@Suite struct AdoptedCommitRulesTests {
  private func refusal(
    to: Int64, voided: Int64, ledger: Int64, voids: VoidRanges
  ) -> CommitRules.Refusal? {
    CommitRules.check(
      TenantFence(
        tenant: TenantID(1), epoch: LeaseEpoch(1), from: VisibilityToken(2),
        to: VisibilityToken(to), voided: voided),
      owner: OwnerID("mine"),
      lease: LeaseState(
        epoch: LeaseEpoch(1), owner: OwnerID("mine"), leasedUntil: Timestamp(microseconds: 9)),
      watermark: VisibilityToken(2), head: VisibilityToken(100), voids: voids,
      ledger: LedgerCounts(inserted: ledger), fileRows: ledger, now: Timestamp(microseconds: 1))
  }

  private let voids = VoidRanges([
    VoidRanges.Range(first: VisibilityToken(6), last: VisibilityToken(15))
  ])

  @Test func aCommitThatStepsOverTheWholeRangeAccountsForItsEventsAlone() {
    #expect(refusal(to: 15, voided: 10, ledger: 3, voids: voids) == nil)
    #expect(refusal(to: 4, voided: 0, ledger: 2, voids: voids) == nil)
    #expect(
      refusal(to: 15, voided: 10, ledger: 4, voids: voids)
        == .unaccountedTokens(expected: 3, found: 4))
  }

  @Test func nobodyTakesATokenForVoidThatIsNotOrStopsBeforeOrInsideARange() {
    #expect(refusal(to: 15, voided: 10, ledger: 3, voids: .none) == .fenced)
    #expect(refusal(to: 15, voided: 0, ledger: 13, voids: voids) == .fenced)
    #expect(refusal(to: 15, voided: 9, ledger: 4, voids: voids) == .fenced)
    #expect(refusal(to: 5, voided: 0, ledger: 3, voids: voids) == .fenced)
    #expect(refusal(to: 10, voided: 5, ledger: 3, voids: voids) == .fenced)
  }
}

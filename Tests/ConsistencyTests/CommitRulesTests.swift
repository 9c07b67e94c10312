import Consistency
import Model
import Testing

@Suite struct CommitRulesTests {
  struct Case: Sendable {
    var owner = OwnerID("mine")
    var epoch: Int64 = 4
    var leasedUntil: Int64 = 100
    var holder: OwnerID? = OwnerID("mine")
    var watermark: Int64 = 10
    var from: Int64 = 10
    var to: Int64 = 15
    var head: Int64 = 20
    var ledger = LedgerCounts(inserted: 2, superseded: 1, noOperation: 1, deadLettered: 1)
    var fileRows: Int64 = 2

    var refusal: CommitRules.Refusal? {
      CommitRules.check(
        TenantFence(
          tenant: TenantID(1), epoch: LeaseEpoch(epoch), from: VisibilityToken(from),
          to: VisibilityToken(to)),
        owner: owner,
        lease: LeaseState(
          epoch: LeaseEpoch(4), owner: holder,
          leasedUntil: Timestamp(microseconds: leasedUntil)),
        watermark: VisibilityToken(watermark), head: VisibilityToken(head), ledger: ledger,
        fileRows: fileRows, now: Timestamp(microseconds: 50))
    }
  }

  @Test func aSoundCommitPasses() {
    #expect(Case().refusal == nil)
    #expect(Case(to: 10, ledger: LedgerCounts(), fileRows: 0).refusal == nil)
  }

  @Test(arguments: [
    Case(owner: OwnerID("other")), Case(epoch: 3), Case(epoch: 5), Case(leasedUntil: 50),
    Case(leasedUntil: 49), Case(holder: nil), Case(holder: OwnerID("other")),
    Case(watermark: 11), Case(watermark: 9), Case(from: 9), Case(from: 11), Case(to: 9),
    Case(to: 21), Case(head: 14),
  ])
  func whateverMovedFencesTheCommitOff(_ wrong: Case) {
    #expect(wrong.refusal == .fenced)
  }

  @Test func everyTokenPassedMustBeAccountedFor() {
    #expect(
      Case(to: 16).refusal == .unaccountedTokens(expected: 6, found: 5))
    #expect(
      Case(to: 14).refusal == .unaccountedTokens(expected: 4, found: 5))
  }

  @Test func theFilesMustHoldTheRowsOfTheLedger() {
    #expect(Case(fileRows: 3).refusal == .rowsDiffer(ledger: 2, files: 3))
    #expect(Case(fileRows: 1).refusal == .rowsDiffer(ledger: 2, files: 1))
  }

  @Test(arguments: [(now: Int64(5), previous: Int64(4), expected: Int64(5)), (4, 4, 5), (3, 4, 5)])
  func snapshotTimesAlwaysRise(_ now: Int64, _ previous: Int64, _ expected: Int64) {
    #expect(
      CommitRules.snapshotTime(
        now: Timestamp(microseconds: now), previous: Timestamp(microseconds: previous))
        == Timestamp(microseconds: expected))
  }

  @Test func countsAddUp() {
    let sum =
      LedgerCounts(inserted: 1, superseded: 2, noOperation: 3, deadLettered: 4)
      + LedgerCounts(inserted: 10, superseded: 20, noOperation: 30, deadLettered: 40)
    #expect(sum == LedgerCounts(inserted: 11, superseded: 22, noOperation: 33, deadLettered: 44))
    #expect(sum.total == 110)
    #expect(sum.hasNoNegative)
    #expect(!LedgerCounts(inserted: 5, superseded: -1).hasNoNegative)
  }
}

import Consistency
import Model
import Testing

@Suite struct LeaseRulesTests {
  private let mine = OwnerID("mine")
  private let theirs = OwnerID("theirs")
  private func at(_ milliseconds: Int) -> Timestamp {
    Timestamp(microseconds: 0).adding(milliseconds: milliseconds)
  }
  private var held: LeaseState {
    LeaseState(epoch: LeaseEpoch(4), owner: mine, leasedUntil: at(100))
  }

  @Test func aLeaseEndsAtItsInstantAndNotBefore() {
    #expect(LeaseRules.isHeld(held, by: mine, epoch: LeaseEpoch(4), now: at(99)))
    #expect(!LeaseRules.isHeld(held, by: mine, epoch: LeaseEpoch(4), now: at(100)))
    #expect(!LeaseRules.isHeld(held, by: theirs, epoch: LeaseEpoch(4), now: at(50)))
    #expect(!LeaseRules.isHeld(held, by: mine, epoch: LeaseEpoch(3), now: at(50)))
    #expect(!LeaseRules.isHeld(held, by: mine, epoch: LeaseEpoch(5), now: at(50)))
  }

  @Test func claimingIsRefusedOnlyByALiveLeaseOfAnother() {
    #expect(LeaseRules.claim(held, owner: theirs, now: at(99), leaseMs: 10) == nil)
    #expect(
      LeaseRules.claim(held, owner: theirs, now: at(100), leaseMs: 10)
        == LeaseState(epoch: LeaseEpoch(5), owner: theirs, leasedUntil: at(110)))
    #expect(
      LeaseRules.claim(held, owner: mine, now: at(99), leaseMs: 10)
        == LeaseState(epoch: LeaseEpoch(4), owner: mine, leasedUntil: at(109)))
    #expect(
      LeaseRules.claim(held, owner: mine, now: at(100), leaseMs: 10)
        == LeaseState(epoch: LeaseEpoch(5), owner: mine, leasedUntil: at(110)))
    #expect(
      LeaseRules.claim(.free, owner: mine, now: at(0), leaseMs: 10)
        == LeaseState(epoch: LeaseEpoch(1), owner: mine, leasedUntil: at(10)))
  }

  @Test func anExpiredOrStolenLeaseIsNeverExtended() {
    func extend(_ owner: OwnerID, _ epoch: Int64, _ now: Int) -> LeaseState? {
      LeaseRules.extend(
        held, owner: owner, epoch: LeaseEpoch(epoch), now: at(now), leaseMs: 10)
    }
    #expect(extend(mine, 4, 99)?.leasedUntil == at(109))
    #expect(extend(mine, 4, 99)?.epoch == LeaseEpoch(4))
    #expect(extend(mine, 4, 100) == nil)
    #expect(extend(mine, 3, 50) == nil)
    #expect(extend(theirs, 4, 50) == nil)
  }

  @Test func aFencedLeaseIsFreeUnderAHigherEpoch() {
    let fenced = LeaseRules.fencedOff(held)
    #expect(!LeaseRules.isLive(fenced, now: at(-1_000_000)))
    #expect(LeaseRules.claim(fenced, owner: theirs, now: at(0), leaseMs: 1)?.epoch == LeaseEpoch(6))
  }

  @Test func askingForACommitFencesItOffWhoeverTheClockFavours() {
    // Whether the lease has expired does not matter: the clock may go back.
    let resolved = LeaseRules.resolved(held, owner: mine, epoch: LeaseEpoch(4))
    #expect(resolved == LeaseRules.fencedOff(held))
    #expect(LeaseRules.resolved(held, owner: theirs, epoch: LeaseEpoch(4)) == nil)
    #expect(LeaseRules.resolved(held, owner: mine, epoch: LeaseEpoch(3)) == nil)
  }

  @Test func aLeaseIsUsedWithoutRenewalWhileMoreThanHalfOfItIsLeft() {
    func isComfortable(_ owner: OwnerID, _ now: Int) -> Bool {
      LeaseRules.isComfortable(held, for: owner, now: at(now), leaseMs: 100)
    }
    #expect(isComfortable(mine, 49))
    #expect(!isComfortable(mine, 50))
    #expect(!isComfortable(theirs, 10))
  }

  @Test func onlyALeaseInSomebodysHandsExpires() {
    #expect(!LeaseRules.hasExpired(held, now: at(99)))
    #expect(LeaseRules.hasExpired(held, now: at(100)))
    #expect(!LeaseRules.hasExpired(LeaseRules.fencedOff(held), now: at(100)))
  }

  @Test func filesOfThePresentEpochAreNotOutlived() {
    #expect(LeaseRules.isOutlived(LeaseEpoch(3), current: LeaseEpoch(4)))
    #expect(!LeaseRules.isOutlived(LeaseEpoch(4), current: LeaseEpoch(4)))
  }

  /// Random holders over a random clock: under one epoch there is one holder, without a break, and
  /// two holders are never live at once.
  @Test(arguments: Array(UInt64(1)...50))
  func anEpochBelongsToOneHolderForOneUnbrokenTime(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let owners = (0..<4).map { OwnerID("owner-\($0)") }
    var lease = LeaseState.free
    var now = 0
    var holderOfEpoch: [LeaseEpoch: OwnerID] = [:]
    var endedEpochs: Set<LeaseEpoch> = []
    var remembered: [(owner: OwnerID, epoch: LeaseEpoch)] = []
    for _ in 0..<400 {
      now += random.below(40)
      if !LeaseRules.isLive(lease, now: at(now)) { endedEpochs.insert(lease.epoch) }
      let owner = owners[random.below(owners.count)]
      let before = lease
      switch random.below(4) {
      case 0, 1:
        guard
          let claimed = LeaseRules.claim(
            lease, owner: owner, now: at(now), leaseMs: 1 + random.below(100))
        else {
          #expect(LeaseRules.isLive(before, now: at(now)) && before.owner != owner)
          continue
        }
        lease = claimed
        remembered.append((owner, claimed.epoch))
      case 2:
        guard let old = remembered.randomElement(using: &random),
          let extended = LeaseRules.extend(
            lease, owner: old.owner, epoch: old.epoch, now: at(now), leaseMs: 50)
        else { continue }
        lease = extended
      default:
        if random.chance(20) { lease = LeaseRules.fencedOff(lease) }
      }
      #expect(lease.epoch >= before.epoch)
      guard LeaseRules.isLive(lease, now: at(now)), let holder = lease.owner else { continue }
      #expect(holderOfEpoch[lease.epoch, default: holder] == holder)
      holderOfEpoch[lease.epoch] = holder
      #expect(!endedEpochs.contains(lease.epoch), "an ended epoch came back")
      let live = remembered.filter {
        LeaseRules.isHeld(lease, by: $0.owner, epoch: $0.epoch, now: at(now))
      }
      #expect(Set(live.map(\.owner)).count == 1)
    }
  }
}

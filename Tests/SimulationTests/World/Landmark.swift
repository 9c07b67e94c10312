/// Something rare that histories must come past now and then, or they prove nothing about it.
enum Landmark: Int, CaseIterable, Sendable {
  case groupSentAgain, groupOutcomeUnknown, groupRefused
  case keyRetriedAndAnswered, keyConflicted, requestForADroppedTable, requestForAnOldSchema
  case leaseTakenOver, leaseTakenAgainAfterExpiry, leaseGivenBack, heartbeatTooLate
  case claimWithoutRenewal, claimLost
  case commitFenced, commitFencedInPart, commitFencedByItsWatermark, commitOfAChangedTable
  case commitMaterializedAgain, commitAfterItsSenderDied
  case commitAppliedAfterAnUnknownAnswer, commitRefusedAfterItsResolution
  case resolvedAsApplied, resolvedAsNotApplied, notResolved
  case eventDeadLettered, filePutAfterItsWriterGaveUp, fileGivenUp, orphanCollected
  case readerReleased, readerTimedOut, readerRefused, readerOfADeadLetter, readerOfTheUnissued
  case clockSetBack, severalTablesInACommit, severalTenantsInACommit
}

/// How many came past each landmark.
struct Landmarks: Sendable, Equatable {
  private var counts = [Int](repeating: 0, count: Landmark.allCases.count)

  subscript(_ landmark: Landmark) -> Int {
    get { counts[landmark.rawValue] }
    set { counts[landmark.rawValue] = newValue }
  }

  mutating func add(_ other: UInt64) {
    for index in counts.indices where other & (1 << UInt64(index)) != 0 { counts[index] += 1 }
  }

  mutating func add(_ other: Landmarks) {
    for index in counts.indices { counts[index] += other.counts[index] }
  }
}

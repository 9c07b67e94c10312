/// A bug put into the model on purpose, to see that the checks find it.
enum PlantedFault: String, CaseIterable, Sendable {
  /// A commit is not held against the lease.
  case noEpochCheckAtCommit
  /// The publisher answers its clients when it sends the group.
  case acknowledgedBeforePublished
  /// The bus gives up events when they are put, not when they are committed.
  case discardedBeforeCommitted
  /// A commit moves the watermark to the head, past events that it does not hold.
  case watermarkOverAGap
  /// A key that is there is a duplicate whatever its content.
  case contentHashDropped
  /// The publisher takes an unknown outcome for a good one.
  case acknowledgedOnUnknown
  /// A flight takes an unknown outcome for a refusal and clears its files away.
  case filesDeletedOnUnknown
  /// A heartbeat prolongs a lease that has run out.
  case leaseRevivedAfterExpiry
  /// A reader takes the word that a commit is under way for the commit.
  case barrierReleasedByAHint
}

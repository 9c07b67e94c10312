/// A promise of the product that was not kept, with what is known of the matter.
struct Violation: Sendable, CustomStringConvertible {
  /// What was promised.
  enum Rule: String, Sendable, CaseIterable {
    case acknowledgedIsMissing = "an acknowledged record is neither a row nor a dead letter"
    case rowTwice = "a record is there twice"
    case rowNobodyWrote = "a row that nobody wrote"
    case contentReplaced = "other content replaced the first of a key"
    case readBelowToken = "a read misses a record at or below its token"
    case visibleBeyondWatermark = "a snapshot shows a record beyond its watermark"
    case tokenTwice = "a token was given twice"
    case tokenChanged = "a retry got another token than the first receipt"
    case acceptedTwice = "a key was accepted twice"
    case watermarkWentBack = "a watermark went back"
    case snapshotWentBack = "snapshots do not go forward"
    case snapshotChanged = "a snapshot changed"
    case accountsDiffer = "accepted is not visible plus dead-lettered plus pending"
    case wronglyDeadLettered = "a record that fits its table became a dead letter"
    case tableNotSeen =
      "a table is not seen after its creation was answered, or seen after its drop"
    case refusedForEver = "an unknown answer never came to an end"
    case unexpectedAnswer = "an answer that this request cannot have"
    case integrity = "the integrity run finds a fault"
    case officialReaderDiffers = "the official extension reads other rows"
    case fileMissing = "a file that the catalog names is missing"
    case deadlock = "transactions waited in a circle"
    case noOrderlyEnd = "a process did not end in order"
  }

  let rule: Rule
  let detail: String
  /// What happened to the record concerned, oldest first.
  var history: [String] = []

  var description: String {
    "\(rule.rawValue): \(detail)" + history.map { "\n    " + $0 }.joined()
  }
}

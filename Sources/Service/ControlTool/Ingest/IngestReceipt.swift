/// The server's answer to an ingest request.
package struct IngestReceipt: Sendable, Equatable {
  package struct DeadLetter: Sendable, Equatable {
    package var index: Int?
    package var reason: String
  }

  /// New records, those among the dead letters included.
  package var accepted: Int
  package var duplicates: Int
  package var token: Int?
  /// The snapshot that shows the rows, where the write waited for it.
  package var snapshot: Int?
  package var deadLetterCount: Int
  package var deadLetters: [DeadLetter]

  /// Nil when a member that every receipt has is missing.
  package init?(_ value: JSONValue) {
    guard let accepted = value["accepted_count"]?.integer,
      let duplicates = value["duplicate_count"]?.integer
    else { return nil }
    self.accepted = accepted
    self.duplicates = duplicates
    token = value["max_visibility_token"]?.integer
    snapshot = value["visible_snapshot_id"]?.integer
    deadLetters = Self.deadLetters(value["dead_lettered"])
    deadLetterCount = deadLetters.count
  }

  /// The refusal of a waited write some of whose records were dead-lettered: the write itself
  /// stands, and the others of its records are visible.
  package init?(deadLetteredBy refusal: ServerRefusal) {
    guard refusal.status == 422, refusal.errorCode == "DEAD_LETTERED",
      let context = refusal.context
    else { return nil }
    self.init(context)
  }

  private static func deadLetters(_ value: JSONValue?) -> [DeadLetter] {
    (value?.array ?? []).map { letter in
      let reason = letter["reason"]?.text ?? "no reason given"
      let message = letter["message"]?.text.map { ": " + $0 } ?? ""
      return DeadLetter(index: letter["index"]?.integer, reason: reason + message)
    }
  }
}

/// What an ingest has come to so far.
package struct IngestTally: Sendable, Equatable {
  /// One record that the server put into the dead letters.
  package struct DeadLetter: Sendable, Equatable {
    package var line: Int
    package var reason: String
  }

  /// Dead letters that are listed by line; more are only counted.
  package static let maximumListedDeadLetters = 20

  package var confirmedRows = 0
  package var accepted = 0
  package var duplicates = 0
  /// Duplicates in requests that were sent more than once: their first answer was lost.
  package var duplicatesInResent = 0
  package var deadLettered = 0
  package var highestToken: Int?
  package var resentRequests = 0
  package var deadLetters: [DeadLetter] = []

  package mutating func add(_ delivery: BatchSender.Delivery, of batch: Batch) {
    let receipt = delivery.receipt
    resentRequests += delivery.attempts - 1
    confirmedRows += batch.lines.count
    accepted += receipt.accepted
    duplicates += receipt.duplicates
    if delivery.attempts > 1 { duplicatesInResent += receipt.duplicates }
    deadLettered += receipt.deadLetterCount
    if let token = receipt.token { highestToken = max(highestToken ?? token, token) }
    for letter in receipt.deadLetters where deadLetters.count < Self.maximumListedDeadLetters {
      guard let index = letter.index, batch.lines.indices.contains(index) else { continue }
      deadLetters.append(DeadLetter(line: batch.lines[index], reason: letter.reason))
    }
  }
}

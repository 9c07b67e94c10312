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
  /// The newest snapshot that an answer named.
  package var highestSnapshot: Int?
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
    if let snapshot = receipt.snapshot {
      highestSnapshot = max(highestSnapshot ?? snapshot, snapshot)
    }
    list(receipt.deadLetters, of: batch)
  }

  /// Dead letters that only a later answer about the same batch tells of; its rows stay counted as
  /// the first answer had them.
  package mutating func addLate(
    _ receipt: IngestReceipt, of batch: Batch, known: IngestReceipt
  ) {
    let knownIndices = Set(known.deadLetters.map(\.index))
    let late = receipt.deadLetters.filter { !knownIndices.contains($0.index) }
    deadLettered += late.count
    list(late, of: batch)
  }

  private mutating func list(_ letters: [IngestReceipt.DeadLetter], of batch: Batch) {
    for letter in letters where deadLetters.count < Self.maximumListedDeadLetters {
      guard let index = letter.index, batch.lines.indices.contains(index) else { continue }
      deadLetters.append(DeadLetter(line: batch.lines[index], reason: letter.reason))
    }
  }
}

/// What receipts must say.
extension History {
  /// A receipt of all of these records together.
  ///
  /// - Parameters:
  ///   - accepted: records that were new; nil where the answer did not tell.
  ///   - deadLettered: tokens of records that the answer names, by their place in the request.
  func acknowledge(
    _ numbers: [Int], token: Int64, accepted: Int64?, duplicates: Int64?,
    deadLettered: [Int: Int64] = [:]
  ) {
    state.withLock { state in
      let known = numbers.filter { state.records[$0].token != nil }.count
      let isStormy = numbers.first.map { state.records[$0].table.isStormy } ?? false
      if let accepted, let duplicates {
        if accepted + duplicates != Int64(numbers.count) {
          state.violate(
            .accountsDiffer, "\(accepted) new and \(duplicates) known of \(numbers.count) records",
            record: numbers.first)
        }
        // A table that was made again has used no key.
        if !isStormy, duplicates < Int64(known) {
          state.violate(
            .acceptedTwice, "\(known) were acknowledged before, \(duplicates) are duplicates",
            record: numbers.first { state.records[$0].token != nil })
        }
      }
      for (place, number) in numbers.enumerated() {
        if let exact = deadLettered[place] {
          state.learn(exact, of: number, isExact: true)
        } else {
          state.learn(token, of: number, isExact: numbers.count == 1)
        }
      }
    }
  }

  /// The answers to two contents under one key: one of them counts, for ever.
  ///
  /// - Parameter kept: whether the first, the second or both were accepted.
  func settle(_ number: Int, firstIsAccepted: Bool, secondIsAccepted: Bool) {
    state.withLock { state in
      guard firstIsAccepted != secondIsAccepted else {
        state.violate(
          .contentReplaced, firstIsAccepted ? "both contents were accepted" : "neither was",
          record: number)
        return
      }
      if secondIsAccepted, let rival = state.records[number].rival {
        state.records[number].content = rival
      }
      state.records[number].rival = nil
    }
  }

  /// Other content under the key of an acknowledged record was not refused.
  func acceptedOtherContent(_ number: Int) {
    violate(.contentReplaced, "other content was accepted", record: number)
  }
}

extension History.State {
  mutating func learn(_ token: Int64, of number: Int, isExact: Bool) {
    let record = records[number]
    let isStormy = record.table.isStormy
    newest[record.table] = max(newest[record.table] ?? 0, token)
    if token < 1 { violate(.tokenTwice, "token \(token)", record: number) }
    if let known = record.token, !isStormy {
      let contradicts =
        record.isExact ? (isExact ? known != token : known > token) : isExact && token > known
      if contradicts { violate(.tokenChanged, "\(known), then \(token)", record: number) }
    }
    if isExact {
      let tenant = record.table.tenant
      if let other = exact[tenant]?[token], other != number {
        violate(
          .tokenTwice, "token \(token) of \(tenant) belongs to record \(other)", record: number)
      }
      exact[tenant, default: [:]][token] = number
      records[number].token = isStormy ? max(token, record.token ?? 0) : token
      records[number].isExact = true
    } else if !record.isExact {
      records[number].token = min(token, record.token ?? .max)
    }
  }
}

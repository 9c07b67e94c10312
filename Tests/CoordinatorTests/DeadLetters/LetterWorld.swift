import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import TestSupport
import Testing

/// A keyed table in which some events become dead letters, and what must be in it.
final class LetterWorld: @unchecked Sendable {  // one step of one test at a time
  struct Event: Sendable {
    let operation: IngestOperation
    let key: Int
    var isLetter = false
    var isDiscarded = false
  }

  let mesh: Mesh
  let table: TableRecord
  /// By token, from 1 on.
  private(set) var events: [Event] = []

  init(_ mesh: Mesh) async throws {
    self.mesh = mesh
    table = try await mesh.makeTable(key: ["id"])
  }

  var openTokens: [Int64] {
    events.indices.filter { events[$0].isLetter && !events[$0].isDiscarded }
      .map { Int64($0 + 1) }
  }

  /// Publishes events as one segment and waits for them.
  func write(_ batch: [Event]) async throws {
    let first = events.count
    let records = batch.enumerated().map { index, event in
      EventRecord(
        operation: event.operation, idempotencyKey: Array(RandomHex.digits(32).utf8),
        payload: Array(Self.payload(event, token: first + index + 1).utf8),
        rejection: event.isLetter ? "for a test" : nil)
    }
    let accepted = try await mesh.publish(table, records: records)
    events += batch
    try await mesh.wait(table, try #require(accepted.tokens.last))
  }

  /// The note tells which event a row is of.
  private static func payload(_ event: Event, token: Int) -> String {
    event.operation == .delete
      ? #"{"id":\#(event.key)}"# : #"{"id":\#(event.key),"note":"t\#(token)"}"#
  }

  func write(_ operation: IngestOperation, _ key: Int, isLetter: Bool = false) async throws {
    try await write([Event(operation: operation, key: key, isLetter: isLetter)])
  }

  private func ids(of tokens: [Int64]) async throws -> [Int64] {
    let letters = try await mesh.catalog.deadLetters(
      tenant: table.tenant, matching: .init(tokens: tokens.map(VisibilityToken.init)), after: nil,
      limit: 1_000)
    return letters.map(\.id)
  }

  /// Asks for letters in one request and waits until each was tried.
  @discardableResult
  func replay(_ tokens: [Int64]) async throws -> [Int64: LetterSettlement] {
    let expected = expectedSettlements(tokens)
    let ids = try await ids(of: tokens)
    _ = try await mesh.catalog.requestReplays(
      ids.map { ReplayRequest(letter: $0, payload: nil, schemaVersion: 1) }, tenant: table.tenant)
    mesh.hub.demandReplays(of: table.tenant)
    let places = tokens.map(VisibilityToken.init)
    try await eventually { [mesh, table] in
      let standings = try await mesh.catalog.standings(of: places, tenant: table.tenant)
      return places.allSatisfy {
        if case .open(_, let isWanted, _, _) = standings[$0] { !isWanted } else { true }
      }
    }
    var settled: [Int64: LetterSettlement] = [:]
    for (token, standing) in try await mesh.catalog.standings(of: places, tenant: table.tenant) {
      if case .settled(let letter) = standing { settled[token.rawValue] = letter.settlement }
    }
    #expect(settled == expected, "tokens \(tokens) of \(events)")
    for token in tokens { events[Int(token) - 1].isLetter = false }
    return settled
  }

  func discard(_ token: Int64) async throws {
    let id = try #require(try await ids(of: [token]).first)
    _ = try await mesh.catalog.discard(letter: id, tenant: table.tenant)
    events[Int(token) - 1].isDiscarded = true
  }

  /// The tokens of the last events by key, of those that are no dead letters.
  private func newest(besides tokens: [Int64] = []) -> [Int: Int] {
    var newest: [Int: Int] = [:]
    for (index, event) in events.enumerated()
    where !event.isLetter || tokens.contains(Int64(index + 1)) {
      newest[event.key] = index + 1
    }
    return newest
  }

  private func expectedSettlements(_ tokens: [Int64]) -> [Int64: LetterSettlement] {
    let (before, after) = (newest(), newest(besides: tokens))
    var settled: [Int64: LetterSettlement] = [:]
    for token in tokens {
      let event = events[Int(token) - 1]
      if after[event.key] != Int(token) {
        settled[token] = .superseded
      } else if event.operation != .delete {
        settled[token] = .applied
      } else {
        let live = before[event.key].map { events[$0 - 1].operation != .delete } ?? false
        settled[token] = live ? .applied : .noOperation
      }
    }
    return settled
  }

  func expectRows(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let rows = newest().filter { events[$0.value - 1].operation != .delete }
      .map { #"{"id":\#($0.key),"note":"t\#($0.value)"}"# }.sorted()
    #expect(try await mesh.rows(of: table) == rows, "\(events)", sourceLocation: sourceLocation)
  }

  func expectAccounts(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let account = try await mesh.account(of: table)
    #expect(account.isBalanced, sourceLocation: sourceLocation)
    #expect(account.acknowledged == Int64(events.count), sourceLocation: sourceLocation)
    #expect(
      account.counts.deadLettered == Int64(openTokens.count),
      sourceLocation: sourceLocation)
    #expect(
      account.discarded == Int64(events.count { $0.isDiscarded }), sourceLocation: sourceLocation)
    #expect(try await mesh.catalog.violations() == [], sourceLocation: sourceLocation)
  }
}

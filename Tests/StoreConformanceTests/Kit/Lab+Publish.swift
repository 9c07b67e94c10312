import Catalog
import IngestBus
import Model

/// An event as a test thinks of it.
struct TestEvent: Sendable, Equatable {
  var key: String
  /// What it begins with says what becomes of it: `bad`, `noop`, `superseded`, or a row.
  var payload: String

  init(_ key: String, _ payload: String = "row") {
    self.key = key
    self.payload = payload
  }
}

/// One client request before it is hashed and encoded.
struct Draft: Sendable {
  var table: TableRecord
  var schemaVersion: Int64
  var events: [TestEvent]

  init(_ table: TableRecord, _ events: [TestEvent], schemaVersion: Int64? = nil) {
    self.table = table
    self.events = events
    self.schemaVersion = schemaVersion ?? table.schemaVersion
  }

  var request: PublishRequest {
    PublishRequest(
      table: table.id, schemaVersion: schemaVersion,
      records: events.map {
        .init(key: keyHash($0.key, table), content: Int64(bitPattern: fnv($0.payload, seed: 7)))
      })
  }

  var run: EventRun {
    EventRun(
      table: table.id, schemaVersion: schemaVersion, traceID: "",
      records: events.map {
        EventRecord(
          operation: .insert, idempotencyKey: Array($0.key.utf8), payload: Array($0.payload.utf8))
      })
  }
}

func keyHash(_ key: String, _ table: TableRecord) -> KeyHash {
  let name = "\(table.tenant.rawValue)/\(table.id.rawValue)/\(key)"
  return KeyHash(high: fnv(name, seed: 1), low: fnv(name, seed: 2))
}

private func fnv(_ text: String, seed: UInt64) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ (seed &* 0x9e37_79b9_7f4a_7c15)
  for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  hash ^= hash >> 29
  return hash &* 0xbf58_476d_1ce4_e5b9
}

/// The group of some requests, and where each request's outcome stands among the group's.
func publishGroup(_ drafts: [Draft]) -> (group: PublishGroup, places: [Int]) {
  let order = drafts.indices.sorted {
    (drafts[$0].table.tenant, $0) < (drafts[$1].table.tenant, $1)
  }
  var batches: [TenantBatch] = []
  for tenant in Set(drafts.map(\.table.tenant)).sorted() {
    let mine = order.filter { drafts[$0].table.tenant == tenant }.map { drafts[$0] }
    batches.append(
      TenantBatch(
        tenant: tenant, requests: mine.map(\.request),
        body: SegmentCodec.encode(mine.map(\.run))))
  }
  var places = Array(repeating: 0, count: drafts.count)
  for (place, index) in order.enumerated() { places[index] = place }
  return (PublishGroup(tenants: batches), places)
}

extension Lab {
  /// - Returns: the outcomes in the order of `drafts`.
  func publish(_ drafts: [Draft]) async throws -> [PublishOutcome] {
    let (group, places) = publishGroup(drafts)
    let outcomes = try await bus.publish(group)
    return places.map { outcomes[$0] }
  }

  func publish(_ table: TableRecord, _ events: TestEvent...) async throws -> PublishOutcome {
    try await publish([Draft(table, events)])[0]
  }

  /// Publishes rows with keys `prefix-0 …`, one request each group.
  func publishRows(
    _ table: TableRecord, _ count: Int, prefix: String = "key"
  ) async throws {
    for index in 0..<count {
      _ = try await publish(table, TestEvent("\(prefix)-\(index)"))
    }
  }
}

extension PublishOutcome {
  /// The tokens as numbers, or nil when the request was refused.
  var tokens: [Int64]? {
    guard case .accepted(let acceptance) = self else { return nil }
    return acceptance.tokens.map(\.rawValue)
  }

  var duplicates: [Int]? {
    guard case .accepted(let acceptance) = self else { return nil }
    return acceptance.duplicates
  }
}

import Catalog
import Consistency
import IngestBus
import Model

/// One event with its token, ready to become a row.
struct PlannedEvent: Sendable {
  let token: VisibilityToken
  /// The version of the table's schema that the edge has checked the event against.
  let schemaVersion: Int64
  var record: EventRecord
  /// The payload as it was accepted, where the record's was taken to a newer version.
  var acceptedPayload: [UInt8]?
}

/// Events whose rows stand in files of an upload, with the token of the first.
struct PlannedUpload: Sendable {
  let firstToken: VisibilityToken
  let batch: StagedBatch
}

/// The events of one table in one batch, in token order.
struct TableBatch: Sendable {
  let tenant: TenantID
  let epoch: LeaseEpoch
  let table: TableID
  var events: [PlannedEvent] = []
  var uploads: [PlannedUpload] = []
  /// The dead letters that the events come from, by token; empty for events of the bus.
  var letters: [VisibilityToken: ClaimedLetter] = [:]

  /// Whether the events are dead letters of earlier commits, whose turn is long over.
  var isReplay: Bool { !letters.isEmpty }

  /// The bytes of the events' payloads.
  var byteCount: Int { events.reduce(0) { $0 + $1.record.payload.count } }

  /// How many tokens it stands for.
  var tokenCount: Int { uploads.reduce(events.count) { $0 + $1.batch.recordCount } }
}

/// What a set of claims asks for, by table.
///
/// Invariant: the events of a tenant's batches are exactly the tokens after its watermark, each
/// once.
struct BatchPlan: Sendable {
  private(set) var batches: [TableBatch] = []
  private(set) var traceIDs: [String] = []
  let claims: [TenantClaim]

  enum Failure: Error, Equatable {
    /// A segment does not hold what its row says; nothing is dropped, the tenant waits.
    case damagedSegment(tenant: TenantID, firstToken: VisibilityToken)
  }

  /// What a claim of dead letters asks for.
  init(replaying claim: ReplayClaim) {
    claims = []
    var tables: [TableID: TableBatch] = [:]
    for letter in claim.letters {
      var batch =
        tables[letter.table]
        ?? TableBatch(tenant: claim.fence.tenant, epoch: claim.fence.epoch, table: letter.table)
      batch.events.append(
        PlannedEvent(
          token: letter.token, schemaVersion: letter.schemaVersion,
          record: EventRecord(
            operation: IngestOperation(rawValue: letter.operation) ?? .insert,
            idempotencyKey: letter.idempotencyKey, payload: letter.payload)))
      batch.letters[letter.token] = letter
      tables[letter.table] = batch
    }
    batches = tables.values.sorted { $0.table < $1.table }
  }

  init(claims: [TenantClaim]) throws(Failure) {
    self.claims = claims
    var traces: Set<String> = []
    for claim in claims {
      var tables: [TableID: TableBatch] = [:]
      for segment in claim.segments {
        try Self.add(segment, of: claim, to: &tables, traces: &traces)
      }
      batches += tables.values.sorted { $0.table < $1.table }
    }
    traceIDs = traces.sorted()
  }

  private static func add(
    _ segment: Segment, of claim: TenantClaim, to tables: inout [TableID: TableBatch],
    traces: inout Set<String>
  ) throws(Failure) {
    let damaged = Failure.damagedSegment(tenant: claim.tenant, firstToken: segment.firstToken)
    let runs: [EventRun]
    switch try? SegmentCodec.content(of: segment.body) {
    case .records(let found): runs = found
    case .staged(let batch):
      guard segment.skipped.isEmpty,
        segment.lastToken == segment.firstToken.advanced(by: batch.recordCount - 1)
      else { throw damaged }
      if !batch.traceID.isEmpty { traces.insert(batch.traceID) }
      tables[
        batch.table,
        default: TableBatch(tenant: claim.tenant, epoch: claim.epoch, table: batch.table)
      ].uploads.append(PlannedUpload(firstToken: segment.firstToken, batch: batch))
      return
    case nil: throw damaged
    }
    var skipped = segment.skipped[...]
    var position = 0
    var token = segment.firstToken
    for run in runs {
      // Gathered apart and appended in place: taking the batch out of the dictionary and putting it
      // back would copy all its events for every request.
      var events: [PlannedEvent] = []
      for record in run.records {
        defer { position += 1 }
        if skipped.first == position {
          skipped.removeFirst()
          continue
        }
        events.append(
          PlannedEvent(token: token, schemaVersion: run.schemaVersion, record: record))
        token = token.advanced(by: 1)
      }
      if !run.traceID.isEmpty { traces.insert(run.traceID) }
      guard !events.isEmpty else { continue }
      tables[
        run.table,
        default: TableBatch(tenant: claim.tenant, epoch: claim.epoch, table: run.table)
      ].events.append(contentsOf: events)
    }
    guard skipped.isEmpty, token == segment.lastToken.advanced(by: 1) else { throw damaged }
  }
}

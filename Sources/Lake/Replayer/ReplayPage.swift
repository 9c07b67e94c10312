import IngestBus
import Model

/// An event of the source, with the token that it has there.
struct ReplayedEvent: Sendable {
  let token: VisibilityToken
  /// The version of the source's schema that it was checked against.
  let schemaVersion: Int64
  let record: EventRecord
}

/// Events that are published together.
struct ReplayPage: Sendable {
  private(set) var events: [ReplayedEvent] = []
  private(set) var byteCount = 0

  mutating func append(_ event: ReplayedEvent) {
    events.append(event)
    byteCount += event.record.payload.count + event.record.idempotencyKey.count
  }
}

/// Reads the events of one table out of a segment.
enum SegmentEvents {
  /// Adds the segment's events of a table whose tokens are within a range, in token order.
  ///
  /// - Throws: `ended` for a damaged segment, and for a batch of files, whose rows are no events of
  ///   their own.
  static func collect(
    from segment: Segment, of table: TableID, within range: ClosedRange<VisibilityToken>,
    _ events: inout [ReplayedEvent]
  ) throws(ReplayFailure) {
    let runs: [EventRun]
    switch try? SegmentCodec.content(of: segment.body) {
    case .records(let found): runs = found
    case .staged(let batch):
      guard batch.table != table else { throw .ended("BATCH_OF_FILES") }
      return
    case nil: throw .ended("SEGMENT_DAMAGED")
    }
    var skipped = segment.skipped[...]
    var position = 0
    var token = segment.firstToken
    for run in runs {
      for record in run.records {
        defer { position += 1 }
        if skipped.first == position {
          skipped.removeFirst()
          continue
        }
        defer { token = token.advanced(by: 1) }
        guard run.table == table, range.contains(token) else { continue }
        events.append(
          ReplayedEvent(token: token, schemaVersion: run.schemaVersion, record: record))
      }
    }
    guard skipped.isEmpty, token == segment.lastToken.advanced(by: 1) else {
      throw .ended("SEGMENT_DAMAGED")
    }
  }
}

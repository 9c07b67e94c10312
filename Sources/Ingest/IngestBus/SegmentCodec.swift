import Model
import Zstd

/// The records of a segment: compressed, with what a reader must know before it decompresses.
package struct SegmentBody: Sendable, Equatable {
  package let compressed: [UInt8]
  package let recordCount: Int
  /// Size after decompression, in bytes.
  package let byteCount: Int

  package init(compressed: [UInt8], recordCount: Int, byteCount: Int) {
    self.compressed = compressed
    self.recordCount = recordCount
    self.byteCount = byteCount
  }
}

/// One event as it travels over the bus.
package struct EventRecord: Sendable, Equatable {
  package var operation: IngestOperation
  /// The client's key, UTF-8.
  package var idempotencyKey: [UInt8]
  /// The JSON object that the edge has validated.
  package var payload: [UInt8]
  /// Why the edge found it bad; set only where the client asked for dead letters.
  package var rejection: String?

  package init(
    operation: IngestOperation, idempotencyKey: [UInt8], payload: [UInt8], rejection: String? = nil
  ) {
    self.operation = operation
    self.idempotencyKey = idempotencyKey
    self.payload = payload
    self.rejection = rejection
  }
}

/// The events of one request, which share table, schema version and trace.
package struct EventRun: Sendable, Equatable {
  package var table: TableID
  package var schemaVersion: Int64
  /// W3C trace id, 32 hexadecimal digits, or empty.
  package var traceID: String
  package var records: [EventRecord]

  package init(table: TableID, schemaVersion: Int64, traceID: String, records: [EventRecord]) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.traceID = traceID
    self.records = records
  }
}

/// What a segment's body says.
package enum SegmentContent: Sendable, Equatable {
  case records([EventRun])
  /// The events are rows of files that stand ready.
  case staged(StagedBatch)
}

/// The byte form of a segment's body, version 1 for records; `StagedBatch` has version 2.
///
/// One version byte, then runs until the end: table, schema version and record count as LEB128
/// numbers, the trace id as a counted text, then the records: a flags byte (bits 0–1 operation,
/// bit 2 rejected), counted key, counted payload, and the counted rejection where flagged. All of
/// it
/// is one Zstandard frame.
package enum SegmentCodec {
  package enum Failure: Error, Equatable { case damaged }

  private static let version: UInt8 = 1
  static let stagedVersion: UInt8 = 2
  /// Larger than any group the publisher forms.
  private static let byteLimit = 1 << 30

  package static func encode(_ runs: [EventRun]) -> SegmentBody {
    let payloadBytes = runs.reduce(0) { total, run in
      run.records.reduce(total + 64) { $0 + $1.payload.count + $1.idempotencyKey.count + 16 }
    }
    var writer = ByteWriter(capacity: payloadBytes + 16)
    writer.byte(version)
    var count = 0
    for run in runs {
      writer.number(UInt64(bitPattern: run.table.rawValue))
      writer.number(UInt64(bitPattern: run.schemaVersion))
      writer.number(UInt64(run.records.count))
      writer.counted(Array(run.traceID.utf8))
      for record in run.records {
        writer.byte(record.operation.rawValue | (record.rejection == nil ? 0 : 4))
        writer.counted(record.idempotencyKey)
        writer.counted(record.payload)
        if let rejection = record.rejection { writer.counted(Array(rejection.utf8)) }
      }
      count += run.records.count
    }
    return SegmentBody(
      compressed: Zstd.compress(writer.bytes), recordCount: count, byteCount: writer.bytes.count)
  }

  /// - Throws: `damaged` also for a segment that refers to staged files.
  package static func decode(_ body: SegmentBody) throws(Failure) -> [EventRun] {
    guard case .records(let runs) = try content(of: body) else { throw .damaged }
    return runs
  }

  package static func content(of body: SegmentBody) throws(Failure) -> SegmentContent {
    guard body.recordCount >= 0,
      let bytes = try? Zstd.decompress(body.compressed, limit: byteLimit),
      bytes.count == body.byteCount
    else { throw .damaged }
    var reader = ByteReader(bytes)
    switch reader.byte() {
    case version: return .records(try decodeRuns(&reader, body))
    case stagedVersion:
      guard let batch = StagedBatch(&reader), reader.isAtEnd,
        batch.recordCount == body.recordCount
      else { throw .damaged }
      return .staged(batch)
    default: throw .damaged
    }
  }

  /// The body that refers to files; it is as small as what is known of them.
  package static func encode(_ batch: StagedBatch) -> SegmentBody {
    var writer = ByteWriter(capacity: 4_096)
    writer.byte(stagedVersion)
    batch.write(to: &writer)
    return SegmentBody(
      compressed: Zstd.compress(writer.bytes), recordCount: batch.recordCount,
      byteCount: writer.bytes.count)
  }

  private static func decodeRuns(
    _ reader: inout ByteReader, _ body: SegmentBody
  ) throws(Failure) -> [EventRun] {
    var runs: [EventRun] = []
    var count = 0
    while !reader.isAtEnd {
      let run = try decodeRun(&reader, limit: body.recordCount - count)
      count += run.records.count
      runs.append(run)
    }
    guard count == body.recordCount else { throw .damaged }
    return runs
  }

  private static func decodeRun(
    _ reader: inout ByteReader, limit: Int
  ) throws(Failure) -> EventRun {
    guard let table = reader.number(), let schemaVersion = reader.number(),
      let recordCount = reader.number(), recordCount <= UInt64(limit),
      let traceID = reader.counted()
    else { throw .damaged }
    var run = EventRun(
      table: TableID(Int64(bitPattern: table)), schemaVersion: Int64(bitPattern: schemaVersion),
      traceID: String(decoding: traceID, as: UTF8.self), records: [])
    run.records.reserveCapacity(Int(recordCount))
    for _ in 0..<recordCount {
      guard let flags = reader.byte(), flags < 8,
        let operation = IngestOperation(rawValue: flags & 3), let key = reader.counted(),
        let payload = reader.counted()
      else { throw .damaged }
      var record = EventRecord(
        operation: operation, idempotencyKey: Array(key), payload: Array(payload))
      if flags & 4 != 0 {
        guard let rejection = reader.counted() else { throw .damaged }
        record.rejection = String(decoding: rejection, as: UTF8.self)
      }
      run.records.append(record)
    }
    return run
  }
}

import Catalog
import Consistency
import IngestBus
import Model
import Testing

extension Lab {
  /// The bus as batches meet it.
  var batches: any BatchBus {
    get throws { try #require(bus as? any BatchBus) }
  }

  /// A batch of as many rows under one key.
  func batch(
    _ table: TableRecord, _ key: String, rows: Int = 3, content: Int64 = 1,
    producer: (epoch: Int64, sequence: Int64)? = nil, upload: UploadID? = nil,
    schemaVersion: Int64? = nil
  ) -> BatchPublish {
    let name = producer.map { "\(key)/\($0.epoch)/\($0.sequence)" } ?? "batch \(key)"
    let version = schemaVersion ?? table.schemaVersion
    return BatchPublish(
      tenant: table.tenant, table: table.id, schemaVersion: version, key: keyHash(name, table),
      content: content,
      producer: producer.map {
        BatchPublish.Producer(
          id: keyHash("producer \(key)", table), epoch: $0.epoch, sequence: $0.sequence)
      },
      body: upload.map { staged(table, rows: rows, upload: $0) }
        ?? SegmentCodec.encode([
          EventRun(
            table: table.id, schemaVersion: version, traceID: "",
            records: (0..<rows).map { _ in
              EventRecord(
                operation: .insert, idempotencyKey: Array(key.utf8), payload: Array("row".utf8))
            })
        ]), upload: upload)
  }

  private func staged(_ table: TableRecord, rows: Int, upload: UploadID) -> SegmentBody {
    SegmentCodec.encode(
      StagedBatch(
        table: table.id, schemaVersion: table.schemaVersion, traceID: "", operation: .insert,
        idempotencyKey: [], upload: upload,
        files: [
          .init(
            name: "0.parquet", recordCount: Int64(rows), byteCount: 100, footerByteCount: 10,
            columns: [])
        ], rejected: []))
  }

  func publish(_ batch: BatchPublish) async throws -> BatchOutcome {
    try await batches.publish(batch)
  }
}

extension BatchOutcome {
  static func accepted(_ first: Int64, _ count: Int) -> BatchOutcome {
    .accepted(BatchReceipt(firstToken: VisibilityToken(first), count: count))
  }

  static func duplicate(_ first: Int64, _ count: Int) -> BatchOutcome {
    .duplicate(BatchReceipt(firstToken: VisibilityToken(first), count: count))
  }
}

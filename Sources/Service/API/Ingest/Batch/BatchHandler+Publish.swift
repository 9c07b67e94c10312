import Catalog
import Consistency
import Edge
import IngestBus
import Model
import Runtime

extension BatchHandler {
  /// Publishes a batch that a segment carries whole.
  func publish(
    _ records: [BatchRecord], of intent: Intent, hash: Int64, _ batches: BatchIngest
  ) async throws(APIError) -> Answer {
    guard !records.isEmpty else { throw .recordsRequired }
    let key = intent.request.key.text
    let (table, traceID) = (intent.table.record, intent.traceID)
    let operation = intent.request.operation
    let encoded = try? await batches.executor.run {
      SegmentCodec.encode([
        EventRun(
          table: table.id, schemaVersion: table.schemaVersion, traceID: traceID,
          records: records.map {
            EventRecord(
              operation: operation, idempotencyKey: key, payload: $0.payload,
              rejection: $0.rejection)
          })
      ])
    }
    guard let encoded else { throw .unavailable("ingest bus") }
    let rejected = records.indices.filter { records[$0].rejection != nil }
      .map { (position: $0, reason: "SCHEMA_VIOLATION") }
    let outcome = try await send(intent, hash: hash, body: encoded, upload: nil, batches)
    return try await answer(to: outcome, intent, rejected: rejected, batches)
  }

  /// Publishes a batch whose rows stand in files.
  func publish(
    _ files: [(localPath: String, file: StagedBatch.File)], _ rejected: [StagedBatch.Rejected],
    of intent: Intent, hash: Int64, _ batches: BatchIngest
  ) async throws(APIError) -> Answer {
    guard !files.isEmpty || !rejected.isEmpty else { throw .recordsRequired }
    let upload = UploadID.random()
    let staged = StagedBatch(
      table: intent.table.record.id, schemaVersion: intent.table.record.schemaVersion,
      traceID: intent.traceID, operation: intent.request.operation,
      idempotencyKey: intent.request.key.text, upload: upload, files: files.map(\.file),
      rejected: rejected)
    do {
      try await batches.bus.beginUpload(
        upload, tenant: intent.tenant.id, leaseMs: BatchIngest.uploadLeaseMs)
    } catch {
      throw error == .storageFull ? .storageFull : .unavailable("ingest bus")
    }
    var isNamed = false
    do throws(APIError) {
      do {
        try await batches.store.putUpload(
          upload, files.map { (localPath: $0.localPath, name: $0.file.name) })
      } catch {
        throw error == .storageFull ? .storageFull : .unavailable("object store")
      }
      CrashPoint.afterUpload.reached()
      let outcome = try await send(
        intent, hash: hash, body: SegmentCodec.encode(staged), upload: upload, batches)
      if case .accepted = outcome { isNamed = true }
      if !isNamed { await giveUp(upload, batches) }
      return try await answer(
        to: outcome, intent, rejected: rejected.map { ($0.position, $0.reason) }, batches)
    } catch {
      // Also where the outcome is unknown: whoever has named the upload keeps it.
      if !isNamed { await giveUp(upload, batches) }
      throw error
    }
  }

  /// What cannot be taken away now is collected when the upload's lease is over.
  private func giveUp(_ upload: UploadID, _ batches: BatchIngest) async {
    guard (try? await batches.bus.abandonUpload(upload)) == true else { return }
    guard (try? await batches.store.deleteUploads([upload])) != nil else { return }
    try? await batches.bus.forgetUploads([upload])
  }

  private func send(
    _ intent: Intent, hash: Int64, body: SegmentBody, upload: UploadID?, _ batches: BatchIngest
  ) async throws(APIError) -> BatchOutcome {
    do {
      return try await batches.publisher.publish(
        BatchPublish(
          tenant: intent.tenant.id, table: intent.table.record.id,
          schemaVersion: intent.table.record.schemaVersion, key: intent.key, content: hash,
          producer: intent.producer, body: body, upload: upload))
    } catch {
      throw APIError(error)
    }
  }

  private func answer(
    to outcome: BatchOutcome, _ intent: Intent, rejected: [(position: Int, reason: String)],
    _ batches: BatchIngest
  ) async throws(APIError) -> Answer {
    switch outcome {
    case .accepted(let receipt):
      return Answer(receipt: receipt, isDuplicate: false, rejected: rejected)
    case .duplicate(let receipt):
      return Answer(receipt: receipt, isDuplicate: true, rejected: [])
    case .keyReused: throw .batchKeyReused
    case .tableGone:
      services.directory.forget(table: intent.table.record.definition.name, of: intent.tenant.id)
      throw .tableNotFound(named: [intent.table.record.definition.name])
    case .schemaChanged:
      services.directory.forget(table: intent.table.record.definition.name, of: intent.tenant.id)
      throw .tableChanged
    case .producerFenced(let current):
      throw .producerFenced(current: current, durable: try await receipt(of: intent, batches))
    case .producerGap(let expected):
      throw .producerGap(expected: expected, durable: try await receipt(of: intent, batches))
    case .uploadExpired:
      throw APIError(
        503, "SERVICE_UNAVAILABLE", "the batch took too long to become durable; send it again",
        isRetryable: true)
    }
  }

  /// The receipt of a batch that was accepted under the same number while this one was read.
  func receipt(
    of intent: Intent, _ batches: BatchIngest
  ) async throws(APIError) -> BatchReceipt? {
    do {
      return try await batches.bus.standing(of: intent.key, producer: nil).receipt
    } catch {
      throw .unavailable("ingest bus")
    }
  }
}

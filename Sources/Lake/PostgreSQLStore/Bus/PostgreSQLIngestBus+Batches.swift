import Consistency
import IngestBus
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLIngestBus: BatchBus {
  package func publish(_ batch: BatchPublish) async throws(BusError) -> BatchOutcome {
    let rows: PostgreSQLRows
    do {
      rows = try await database.publishing.call(
        """
        SELECT outcome, first, count, told FROM \(SQLFunction.publishBatch.name)(
          $1, $2, $3, $4::UUID, $5, $6, $7, $8, $9::TEXT, $10::UUID, $11::BIGINT, $12::BIGINT,
          $13::BIGINT, $14::BIGINT)
        """,
        [
          .int64(batch.tenant.rawValue), .int64(batch.table.rawValue),
          .int64(batch.schemaVersion), .uuid(batch.key.bytes), .int64(batch.content),
          .int64(Int64(batch.body.recordCount)), .int64(Int64(batch.body.byteCount)),
          .bytes(batch.body.compressed),
          batch.upload.map { .text($0.rawValue) } ?? .null,
          batch.producer.map { .uuid($0.id.bytes) } ?? .null,
          batch.producer.map { .int64($0.epoch) } ?? .null,
          batch.producer.map { .int64($0.sequence) } ?? .null,
          database.wallOverride, database.leaseOverride,
        ])
    } catch {
      throw BusError(error)
    }
    return try Self.outcome(rows)
  }

  private static func outcome(_ rows: PostgreSQLRows) throws(BusError) -> BatchOutcome {
    func receipt() -> BatchReceipt {
      BatchReceipt(
        firstToken: VisibilityToken(rows.int64(0, 1)), count: Int(rows.int64(0, 2)))
    }
    switch rows.int64(0, 0) {
    case 0: return .accepted(receipt())
    case 1: return .duplicate(receipt())
    case 2: return .keyReused
    case 3: return .tableGone
    case 4: return .schemaChanged
    case 5: return .producerFenced(current: rows.int64(0, 3))
    case 6: return .producerGap(expected: rows.int64(0, 3))
    case 7: return .uploadExpired
    default: throw .damaged(reason: "a batch has an outcome that there is not")
    }
  }

  package func standing(
    of key: KeyHash, producer: KeyHash?
  ) async throws(BusError) -> BatchStanding {
    let rows = try await call(
      """
      SELECT known.token, known.token_count, known.content, producer.epoch, producer.sequence
      FROM (SELECT $1::UUID AS key, $2::UUID AS producer) AS asked
      LEFT JOIN duckmesh_key AS known ON known.key = asked.key
      LEFT JOIN duckmesh_producer AS producer ON producer.producer = asked.producer
      """, [.uuid(key.bytes), producer.map { .uuid($0.bytes) } ?? .null])
    var standing = BatchStanding()
    if let token = rows.optionalInt64(0, 0) {
      standing.receipt = BatchReceipt(
        firstToken: VisibilityToken(token), count: Int(rows.int64(0, 1)))
      standing.content = rows.int64(0, 2)
      try await confirmWhatWasRead()
    }
    if let epoch = rows.optionalInt64(0, 3) {
      standing.producer = ProducerState(epoch: epoch, sequence: rows.int64(0, 4))
    }
    return standing
  }

  /// Returns when what was read is as durable as what a publish acknowledges.
  ///
  /// A commit is seen by others although its synchronous standby does not have it when its wait was
  /// cut short, and whoever resends a batch may ask for that very reason. A commit that comes after
  /// it waits for both; a message in the log makes one without taking a lock.
  private func confirmWhatWasRead() async throws(BusError) {
    do {
      _ = try await database.publishing.call(
        "SELECT pg_logical_emit_message(true, 'duckmesh', '') IS NOT NULL", [])
    } catch {
      throw BusError(error)
    }
  }

  package func beginUpload(
    _ upload: UploadID, tenant: TenantID, leaseMs: Int
  ) async throws(BusError) {
    _ = try await call(
      """
      INSERT INTO duckmesh_upload(upload_id, tenant_id, phase, leased_until)
      VALUES ($1, $2, \(UploadPhase.staging.rawValue),
        \(SQLFunction.now.name)($4::BIGINT) + $3 * 1000)
      """,
      [
        .text(upload.rawValue), .int64(tenant.rawValue), .int64(Int64(leaseMs)),
        database.leaseOverride,
      ])
  }

  package func abandonUpload(_ upload: UploadID) async throws(BusError) -> Bool {
    let rows = try await call(
      """
      UPDATE duckmesh_upload SET phase = \(UploadPhase.abandoned.rawValue)
      WHERE upload_id = $1
        AND phase IN (\(UploadPhase.staging.rawValue), \(UploadPhase.abandoned.rawValue))
      RETURNING phase::BIGINT
      """, [.text(upload.rawValue)])
    return rows.count == 1
  }

  package func collectableUploads(
    settledSeconds: Int, limit: Int
  ) async throws(BusError) -> [UploadID] {
    try await call(
      "SELECT \(SQLFunction.collectableUploads.name)($1, $2, $3::BIGINT, $4::BIGINT)",
      [
        .int64(Int64(settledSeconds)), .int64(Int64(limit)), database.wallOverride,
        database.leaseOverride,
      ]
    ).texts(0, 0).map(UploadID.init)
  }

  package func forgetUploads(_ uploads: [UploadID]) async throws(BusError) {
    guard !uploads.isEmpty else { return }
    _ = try await call(
      """
      DELETE FROM duckmesh_upload WHERE upload_id = ANY ($1)
        AND phase IN (\(UploadPhase.abandoned.rawValue), \(UploadPhase.settled.rawValue))
      """, [.texts(uploads.map(\.rawValue))])
  }

  package func unknownUploads(
    among uploads: [UploadID]
  ) async throws(BusError) -> [UploadID] {
    guard !uploads.isEmpty else { return [] }
    let rows = try await call(
      """
      SELECT coalesce(array_agg(asked.id), '{}') FROM unnest($1::TEXT[]) AS asked(id)
      WHERE NOT EXISTS (SELECT 1 FROM duckmesh_upload WHERE upload_id = asked.id)
      """, [.texts(uploads.map(\.rawValue))])
    return rows.texts(0, 0).map(UploadID.init)
  }
}

import Catalog
import Consistency
import Coordinator
import Digest
import Edge
import HTTPServer
import IngestBus
import Model
import ObjectStore
import Runtime

/// `POST /v1/ingest/{table}` with a batch: a body of records under one key.
///
/// The body is read as it arrives. What it comes to is published in one transaction: as records in
/// a segment, or as files of an upload that a segment refers to.
struct BatchHandler: Sendable {
  let services: APIServices

  /// A batch whose key, table and tenant are known.
  struct Intent: Sendable {
    let request: BatchRequest
    let tenant: TenantRecord
    let table: DirectoryTable
    let key: KeyHash
    let producer: BatchPublish.Producer?
    let standing: BatchStanding
    let traceID: String
  }

  func handle(
    _ request: HTTPRequest, _ batch: BatchRequest, _ context: RequestContext
  ) async throws(APIError) -> HTTPResponse {
    let started = services.clock.now
    guard let batches = services.batches, let body = request.bodyStream else {
      throw .roleNotServed([.api])
    }
    guard !services.storage.isBelowFloor else { throw .storageFull }
    let intent = try await intent(batch, context, batches)
    try IngestHandler.admit(1, tenant: intent.tenant.id, services)
    try await Self.turn(batches.readers, services.clock)
    defer { batches.readers.release() }
    let intake = try makeIntake(intent, batches)
    let result = await Self.catching { () async throws(APIError) in
      try await self.run(intent, intake, body, batches)
    }
    // Whatever came of it, nothing of it is needed here any more.
    try? await batches.executor.run { intake.discard() }
    let answer = try result.get()
    services.metrics.ingest.bodyBytes.increment(by: intake.bodyBytes)
    services.rates.charge(
      tenant: intent.tenant.name, events: answer.receipt.count, bytes: intake.bodyBytes)
    services.metrics.ingest.ackLatencyMs.observe((services.clock.now - started).milliseconds)
    return try await self.answer(answer, intent, context)
  }

  private static func catching<Value>(
    _ body: () async throws(APIError) -> Value
  ) async -> Result<Value, APIError> {
    do throws(APIError) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }

  static func turn(
    _ semaphore: AsyncSemaphore, _ clock: any MonotonicClock
  ) async throws(APIError) {
    do {
      try await semaphore.acquire(
        until: clock.now.advanced(byMs: BatchIngest.turnTimeoutMs), on: clock)
    } catch {
      throw APIError(
        429, "QUEUE_FULL", "too many batches are being read; send it again later",
        isRetryable: true, retryAfterSeconds: 5)
    }
  }

  private func intent(
    _ batch: BatchRequest, _ context: RequestContext, _ batches: BatchIngest
  ) async throws(APIError) -> Intent {
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let name = context.parameters[0]
    // As it is now: a body is too long to be read twice because the table was another.
    guard let table = try await services.directory.currentTable(named: name, of: tenant) else {
      throw .tableNotFound(named: [name])
    }
    guard batch.operation == .insert || table.ingest.isKeyed else {
      throw APIError(EdgeError.primaryKeyRequired(recordIndex: 0))
    }
    let id = table.record.id
    var producer: BatchPublish.Producer?
    let key: KeyHash
    switch batch.key {
    case .key(let text): key = BatchHasher.key(of: text, tenant: tenant.id, table: id)
    case .producer(let name, let epoch, let sequence):
      key = BatchHasher.key(
        producer: name, epoch: epoch, sequence: sequence, tenant: tenant.id, table: id)
      producer = BatchPublish.Producer(
        id: BatchHasher.producer(name, tenant: tenant.id, table: id), epoch: epoch,
        sequence: sequence)
    }
    let standing: BatchStanding
    do {
      standing = try await batches.bus.standing(of: key, producer: producer?.id)
    } catch {
      throw .unavailable("ingest bus")
    }
    try Self.check(producer, standing)
    return Intent(
      request: batch, tenant: tenant, table: table, key: key, producer: producer,
      standing: standing, traceID: context.traceID)
  }

  /// Refuses before the body is read what the publishing transaction would refuse after it.
  private static func check(
    _ producer: BatchPublish.Producer?, _ standing: BatchStanding
  ) throws(APIError) {
    guard let producer else { return }
    switch ProducerRules.judge(
      epoch: producer.epoch, sequence: producer.sequence, standing.producer)
    {
    case .next, .repeated: return
    case .fenced(let current): throw .producerFenced(current: current, durable: standing.receipt)
    case .gap(let expected): throw .producerGap(expected: expected, durable: standing.receipt)
    }
  }

  private func makeIntake(
    _ intent: Intent, _ batches: BatchIngest
  ) throws(APIError) -> BatchIntake {
    let limits = services.limits
    do {
      return try BatchIntake(
        intent.request, mode: intent.standing.receipt == nil ? .reading : .comparing,
        table: intent.table,
        limits: BatchIntake.Limits(
          bodyBytes: limits.batch.bodyBytes, recordBytes: limits.batch.recordBytes,
          gatheredBytes: limits.batch.gatheredBytes,
          gatheredRecords: limits.batch.gatheredRecords, keyedBytes: limits.request.bodyBytes,
          deadLetters: limits.batch.deadLetters,
          deadLetterBytes: 32 << 20),
        edge: IngestLimits(limits.request), store: batches.store,
        staging: batches.staging)
    } catch {
      throw APIError(error)
    }
  }

  // MARK: The body

  /// - Returns: what the client is told.
  private func run(
    _ intent: Intent, _ intake: BatchIntake, _ body: HTTPBodyStream, _ batches: BatchIngest
  ) async throws(APIError) -> Answer {
    var isStaging = false
    defer { if isStaging { batches.stagers.release() } }
    func stageIfNeeded() async throws(APIError) {
      guard intake.needsStaging else { return }
      try await Self.turn(batches.stagers, services.clock)
      isStaging = true
      try await blocking(batches, intake) { () throws(BatchIntakeError) in
        try intake.beginStaging()
      }
    }
    try await stageIfNeeded()
    while let piece = try await Self.next(of: body) {
      try await blocking(batches, intake) { () throws(BatchIntakeError) in
        try intake.take(piece)
      }
      if intake.isLost { try await refuse(intent, intake, batches) }
      try await stageIfNeeded()
    }
    let end = try await blocking(batches, intake) { () throws(BatchIntakeError) in
      try intake.finish()
    }
    return try await conclude(intent, intake, digest: end.digest, end.content, batches)
  }

  private static func next(of body: HTTPBodyStream) async throws(APIError) -> [UInt8]? {
    do {
      return try await body.next()
    } catch {
      // Nobody is left to be told, but the log has it.
      throw APIError(499, "CLIENT_CLOSED_REQUEST", "the body did not come to its end")
    }
  }

  private func blocking<Value: Sendable>(
    _ batches: BatchIngest, _ intake: BatchIntake,
    _ body: @escaping @Sendable () throws(BatchIntakeError) -> Value
  ) async throws(APIError) -> Value {
    let result = await withTaskCancellationHandler {
      try? await batches.executor.result(of: body)
    } onCancel: {
      intake.cancel()
    }
    guard let result else {
      throw APIError(503, "OVERLOADED", "too many batches are being read", isRetryable: true)
    }
    switch result {
    case .success(let value): return value
    case .failure(let error): throw APIError(error)
    }
  }

  // MARK: What it came to

  /// What a batch is answered with.
  struct Answer: Sendable {
    let receipt: BatchReceipt
    let isDuplicate: Bool
    /// Records that the client's own wish has made dead letters, by their place in the batch.
    let rejected: [(position: Int, reason: String)]
  }

  private func conclude(
    _ intent: Intent, _ intake: BatchIntake, digest: SHA256Digest,
    _ content: BatchIntake.Content, _ batches: BatchIngest
  ) async throws(APIError) -> Answer {
    let hash = BatchHasher.content(
      digest, mediaType: intent.request.format.rawValue, operation: intent.request.operation)
    if let receipt = intent.standing.receipt {
      guard intent.standing.content == hash else { throw .batchKeyReused }
      return Answer(receipt: receipt, isDuplicate: true, rejected: [])
    }
    if intake.violationCount > 0, intent.request.onError == .reject {
      try await refuse(intent, intake, batches)
    }
    switch content {
    case .compared: throw .unavailable("ingest bus")
    case .tooManyBadRecords: try await refuse(intent, intake, batches)
    case .records(let records):
      return try await publish(records, of: intent, hash: hash, batches)
    case .files(let files, let rejected):
      return try await publish(files, rejected, of: intent, hash: hash, batches)
    }
    throw .unavailable("ingest bus")
  }

  /// Keys come before schemas: a batch that was accepted meanwhile is told by its key.
  private func refuse(
    _ intent: Intent, _ intake: BatchIntake, _ batches: BatchIngest
  ) async throws(APIError) {
    let receipt = try await receipt(of: intent, batches)
    let current = try await services.directory.currentTable(
      named: intent.table.record.definition.name, of: intent.tenant)
    guard receipt == nil, current?.isSame(as: intent.table) == true else {
      throw .tableChanged
    }
    throw .batchRefused(intake)
  }
}

import Consistency
import Model

/// One client batch under one key: its records take consecutive tokens, all or none.
package struct BatchPublish: Sendable {
  /// A producer's own number of the batch, which must come in turn.
  package struct Producer: Sendable, Equatable {
    /// Over tenant, table incarnation and the producer's name.
    package let id: KeyHash
    package let epoch: Int64
    package let sequence: Int64

    package init(id: KeyHash, epoch: Int64, sequence: Int64) {
      self.id = id
      self.epoch = epoch
      self.sequence = sequence
    }
  }

  package let tenant: TenantID
  package let table: TableID
  /// The schema version that the records were checked against.
  package let schemaVersion: Int64
  /// Of the client's key, or of producer, epoch and sequence.
  package let key: KeyHash
  /// Equal for batches of equal bytes and operation.
  package let content: Int64
  package let producer: Producer?
  /// Its records, or what refers to the files that hold them (`SegmentCodec`).
  package let body: SegmentBody
  /// The upload whose files the body refers to.
  package let upload: UploadID?

  package init(
    tenant: TenantID, table: TableID, schemaVersion: Int64, key: KeyHash, content: Int64,
    producer: Producer?, body: SegmentBody, upload: UploadID?
  ) {
    self.tenant = tenant
    self.table = table
    self.schemaVersion = schemaVersion
    self.key = key
    self.content = content
    self.producer = producer
    self.body = body
    self.upload = upload
  }
}

/// The tokens of an accepted batch: `count` of them from `firstToken` on.
package struct BatchReceipt: Sendable, Equatable {
  package let firstToken: VisibilityToken
  package let count: Int

  package init(firstToken: VisibilityToken, count: Int) {
    self.firstToken = firstToken
    self.count = count
  }

  package var lastToken: VisibilityToken { firstToken.advanced(by: count - 1) }
  package var tokens: ClosedRange<VisibilityToken> { firstToken...lastToken }
}

/// What became of a batch; nothing of it is kept unless it was accepted.
package enum BatchOutcome: Sendable, Equatable {
  case accepted(BatchReceipt)
  /// The key is there with the same content; the receipt is the first one's.
  case duplicate(BatchReceipt)
  /// The key is there with other content.
  case keyReused
  case tableGone
  /// The table's schema has changed since the records were checked; check them again.
  case schemaChanged
  case producerFenced(current: Int64)
  case producerGap(expected: Int64)
  /// The upload's lease is over, and its files may be gone.
  case uploadExpired
}

/// What is known of a batch before it is published.
package struct BatchStanding: Sendable, Equatable {
  package var receipt: BatchReceipt?
  package var content: Int64?
  package var producer: ProducerState?

  package init(
    receipt: BatchReceipt? = nil, content: Int64? = nil, producer: ProducerState? = nil
  ) {
    self.receipt = receipt
    self.content = content
    self.producer = producer
  }
}

/// The bus as batches meet it, and the register of their uploads.
///
/// The contract, which the conformance suite holds every backend to:
///
/// - **Publish** is atomic and durable when it returns. A producer's turn is judged first
///   (`ProducerRules`), then the key, then the table, then the upload. Tokens are dense and in
///   commit order with those of `IngestBus.publish`.
/// - **An upload** is registered before its files are put, and named by the one publish that refers
///   to it. Once it is abandoned no publish can name it; once it is named it is not abandoned.
/// - Files of an upload may be taken away only while `collectableUploads` lists it.
package protocol BatchBus: Sendable {
  func publish(_ batch: BatchPublish) async throws(BusError) -> BatchOutcome

  /// - Parameter producer: the producer's hash, where it has one.
  func standing(
    of key: KeyHash, producer: KeyHash?
  ) async throws(BusError) -> BatchStanding

  /// Registers an upload: its files may be put from now on and named until the lease ends.
  func beginUpload(_ upload: UploadID, tenant: TenantID, leaseMs: Int) async throws(BusError)

  /// Gives an upload up, unless it is named.
  ///
  /// - Returns: whether its files may be taken away, to be forgotten after that.
  func abandonUpload(_ upload: UploadID) async throws(BusError) -> Bool

  /// The uploads whose files nobody needs: given up, out of their lease, or in a snapshot for at
  /// least `settledSeconds`.
  func collectableUploads(
    settledSeconds: Int, limit: Int
  ) async throws(BusError) -> [UploadID]

  /// The files of these uploads are gone.
  func forgetUploads(_ uploads: [UploadID]) async throws(BusError)

  /// Those of the uploads that are not registered.
  func unknownUploads(among uploads: [UploadID]) async throws(BusError) -> [UploadID]
}

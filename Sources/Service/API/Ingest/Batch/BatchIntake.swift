import Coordinator
import Digest
import Edge
import Glibc
import IngestBus
import Model
import ObjectStore
import Runtime

/// Why a batch's body came to nothing.
enum BatchIntakeError: Error {
  case body(BatchError)
  case staging(StagingError)
  case storage(ObjectStoreError)
}

/// Takes in one batch's body: decompresses and hashes it, reads its records, and hands them to a
/// staging child once there are more than a segment should carry.
///
/// What is held in memory is bounded: records up to `gatheredBytes` or one block of the body; of a
/// table with a primary key up to `keyedBytes` and `mostKeyedRecords`.
/// Used by one caller at a time; its calls block.
final class BatchIntake: @unchecked Sendable {  // one caller at a time, on any thread
  struct Limits: Sendable {
    var bodyBytes: Int
    var recordBytes: Int
    var gatheredBytes: Int
    var gatheredRecords: Int
    /// Of a table with a primary key, whose rows are resolved one by one.
    var keyedBytes: Int
    /// Bad records that one batch may turn into dead letters.
    var deadLetters: Int
    var deadLetterBytes: Int
  }

  /// Of a table with a primary key: what a record takes in memory beside its bytes is bounded too.
  static let mostKeyedRecords = 1_000_000

  enum Mode {
    /// The key is known: what counts is whether the bytes are the same.
    case comparing
    case reading
  }

  /// What the body came to.
  enum Content: Sendable {
    case compared
    /// Few enough for a segment.
    case records([BatchRecord])
    case files([(localPath: String, file: StagedBatch.File)], [StagedBatch.Rejected])
    /// More bad records than dead letters are taken.
    case tooManyBadRecords
  }

  private enum Sink {
    case none
    case gathering([BatchRecord])
    case staging(StagingProcess)
    case spooling(Int32)
  }

  let format: BatchFormat
  let onError: IngestRequest.ErrorHandling
  private let table: DirectoryTable
  let limits: Limits
  private let decoder: ContentDecoder
  private let reader: BatchReader?
  private let store: any ObjectStore
  private let stagingOptions: StagingOptions
  private let violationLimit: Int
  private var digest = SHA256()
  private var sink: Sink
  private var folder: String?
  private let cancellation = StagingCancellation()
  private var gatheredBytes = 0
  private var position = 0
  private var rejected: [StagedBatch.Rejected] = []
  private var rejectedBytes = 0
  private var hasTooManyBadRecords = false

  init(
    _ request: BatchRequest, mode: Mode, table: DirectoryTable, limits: Limits,
    edge: IngestLimits, store: any ObjectStore, staging: StagingOptions
  ) throws(BatchError) {
    format = request.format
    onError = request.onError
    self.table = table
    self.limits = limits
    self.store = store
    stagingOptions = staging
    violationLimit = edge.listedViolations
    decoder = try ContentDecoder(request.encoding, maximumBytes: limits.bodyBytes)
    switch (mode, request.format.records) {
    case (.comparing, _):
      reader = nil
      sink = .none
    case (.reading, let records):
      // The rows of a file are read when there is a key to resolve them by, as lines then.
      let isRead = records != nil || table.ingest.isKeyed
      reader =
        isRead
        ? BatchReader(
          format: records ?? .ndjson, table: table.ingest, operation: request.operation,
          limits: edge, longestRecord: limits.recordBytes) : nil
      sink = records == nil ? .none : .gathering([])
    }
    self.mode = mode
  }

  // What a cancelled request could not give back in its turn.
  deinit { discard() }

  private let mode: Mode

  var violations: [RecordViolation] { reader?.violations ?? [] }
  var violationCount: Int { reader?.violationCount ?? 0 }
  var badRecordCount: Int { reader?.badRecordCount ?? 0 }
  var recordCount: Int { reader?.recordCount ?? 0 }
  var bodyBytes: Int { decoder.producedBytes }

  /// Whether the batch will be refused whatever follows, with as much known as is told.
  var isLost: Bool {
    hasTooManyBadRecords || (onError == .reject && violations.count >= violationLimit)
  }

  /// Whether the body's rows go to files; asked before any byte is taken, and after each piece.
  var needsStaging: Bool {
    guard mode == .reading, folder == nil else { return false }
    guard case .gathering(let records) = sink else { return format.records == nil }
    return !isRefused && !table.ingest.isKeyed
      && (gatheredBytes > limits.gatheredBytes || records.count > limits.gatheredRecords)
  }

  /// Whether nothing of the batch will be kept.
  var isRefused: Bool { onError == .reject && violationCount > 0 || hasTooManyBadRecords }

  /// Opens what rows are staged with.
  func beginStaging() throws(BatchIntakeError) {
    let folder: String
    do {
      folder = try store.makeStagingFolder()
    } catch {
      throw .storage(error)
    }
    self.folder = folder
    guard case .gathering(let records) = sink else {
      let path = "\(folder)/\(StagingProcess.bodyName)"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw .storage(.unavailable(reason: "no file to stage into")) }
      sink = .spooling(descriptor)
      return
    }
    let process = try start(.payloads, in: folder)
    sink = .staging(process)
    try hand(records, to: process)
  }

  private func start(
    _ format: StagedFormat, in folder: String
  ) throws(BatchIntakeError) -> StagingProcess {
    do {
      return try StagingProcess(
        format, table: table.record, folder: folder, options: stagingOptions,
        form: table.ingest.isKeyed ? .lines : .files, cancellation: cancellation)
    } catch {
      throw .staging(error)
    }
  }

  func take(_ bytes: [UInt8]) throws(BatchIntakeError) {
    var failure: BatchIntakeError?
    do throws(BatchError) {
      try decoder.decode(bytes) { (piece) throws(BatchError) in
        digest.update(piece)
        guard failure == nil else { return }
        do throws(BatchIntakeError) {
          try take(decoded: piece)
        } catch {
          if case .body(let error) = error { throw error }
          failure = error
        }
      }
    } catch {
      throw .body(error)
    }
    if let failure { throw failure }
  }

  private func take(decoded piece: UnsafeRawBufferPointer) throws(BatchIntakeError) {
    if case .spooling(let descriptor) = sink {
      guard !table.ingest.isKeyed || bodyBytes <= limits.keyedBytes else {
        throw .body(.keyedBatchTooLarge(maximum: limits.keyedBytes))
      }
      return try write(piece, to: descriptor)
    }
    guard let reader else { return }
    let records: [BatchRecord]
    do {
      records = try reader.read(piece)
    } catch {
      throw .body(error)
    }
    try add(records)
  }

  private func write(
    _ piece: UnsafeRawBufferPointer, to descriptor: Int32
  ) throws(BatchIntakeError) {
    var rest = piece
    while let start = rest.baseAddress, !rest.isEmpty {
      let count = Glibc.write(descriptor, start, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        let isFull = errno == ENOSPC || errno == EDQUOT
        throw .storage(isFull ? .storageFull : .unavailable(reason: "a file cannot be written"))
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  private func add(_ records: [BatchRecord]) throws(BatchIntakeError) {
    switch sink {
    case .gathering(var gathered):
      // Nothing is kept of what is refused; the rest is read to tell what is wrong with it.
      guard !isRefused else {
        sink = .gathering([])
        return
      }
      sink = .none
      gathered += records
      gatheredBytes += records.reduce(0) { $0 + $1.payload.count }
      if table.ingest.isKeyed {
        guard gatheredBytes <= limits.keyedBytes, gathered.count <= Self.mostKeyedRecords else {
          throw .body(.keyedBatchTooLarge(maximum: limits.keyedBytes))
        }
      }
      sink = .gathering(gathered)
    case .staging(let process):
      guard !isRefused else { return }
      try hand(records, to: process)
    case .none, .spooling: break
    }
  }

  private func hand(
    _ records: [BatchRecord], to process: StagingProcess
  ) throws(BatchIntakeError) {
    var payloads: [[UInt8]] = []
    payloads.reserveCapacity(records.count)
    for record in records {
      if let rejection = record.rejection {
        reject(record.payload, "SCHEMA_VIOLATION", rejection, at: position)
      } else {
        payloads.append(record.payload)
      }
      position += 1
    }
    do {
      try process.send(payloads)
    } catch {
      throw .staging(error)
    }
  }

  private func reject(_ payload: [UInt8], _ reason: String, _ message: String, at place: Int) {
    rejectedBytes += payload.count + message.utf8.count
    guard rejected.count < limits.deadLetters, rejectedBytes <= limits.deadLetterBytes else {
      hasTooManyBadRecords = true
      return
    }
    rejected.append(
      .init(position: place, reason: reason, message: message, payload: payload))
  }

  /// The body is at its end.
  ///
  /// - Returns: the digest of its bytes, decompressed, and what it came to.
  func finish() throws(BatchIntakeError) -> (digest: SHA256Digest, content: Content) {
    do {
      try decoder.finish()
      if let reader, !isSpooling {
        let records = try reader.finish()
        do throws(BatchIntakeError) {
          try add(records)
        } catch {
          if case .body(let error) = error { throw error }
          throw BatchIntakeStop(error)
        }
      }
    } catch let stop as BatchIntakeStop {
      throw stop.error
    } catch let error as BatchError {
      throw .body(error)
    } catch {
      throw .staging(.environment("\(error)"))
    }
    return (digest.finish(), try content())
  }

  private var isSpooling: Bool {
    if case .spooling = sink { true } else { false }
  }

  private struct BatchIntakeStop: Error {
    let error: BatchIntakeError
    init(_ error: BatchIntakeError) { self.error = error }
  }

  private func content() throws(BatchIntakeError) -> Content {
    if hasTooManyBadRecords { return .tooManyBadRecords }
    switch sink {
    case .none: return .compared
    case .gathering(let records): return .records(records)
    case .staging(let process): return try files(of: process)
    case .spooling(let descriptor):
      close(descriptor)
      sink = .none
      let process = try start(format == .parquet ? .parquet : .arrow, in: folder ?? "")
      // Whatever comes of the lines, the child is gone then.
      if let reader { return try readLines(of: process, reader) }
      sink = .staging(process)
      return try files(of: process)
    }
  }

  private func files(of process: StagingProcess) throws(BatchIntakeError) -> Content {
    guard !isRefused else { return .records([]) }
    let rows: StagedRows
    do {
      rows = try process.finish()
    } catch {
      sink = .none
      throw .staging(error)
    }
    sink = .none
    let folder = folder ?? ""
    for refused in rows.refused {
      // The child knows the places among the good records only.
      reject(
        refused.payload, "CAST_FAILED", refused.message, at: batchPosition(of: refused.position))
    }
    rejected.sort { $0.position < $1.position }
    if hasTooManyBadRecords { return .tooManyBadRecords }
    return .files(rows.files.map { ("\(folder)/\($0.name)", $0) }, rejected)
  }

  /// The place in the batch of the n-th payload that was handed on.
  private func batchPosition(of place: Int) -> Int {
    var position = place
    for record in rejected where record.reason == "SCHEMA_VIOLATION" && record.position <= position
    {
      position += 1
    }
    return position
  }

  /// Ends the child, from any thread, also one that is still to start: a call that waits for it
  /// fails.
  func cancel() { cancellation.cancel() }

  /// Takes away all that was staged; call it last.
  func discard() {
    switch sink {
    case .staging(let process): process.end()
    case .spooling(let descriptor): close(descriptor)
    case .none, .gathering: break
    }
    sink = .none
    if let folder { store.removeStagingFolder(folder) }
    folder = nil
  }
}

import Coordinator
import Edge
import IngestBus
import ObjectStore
import SimdJSON

extension APIError {
  static let recordsRequired = APIError(
    400, "RECORDS_REQUIRED", "a batch must have at least one record")
  static let batchKeyReused = APIError(
    409, "IDEMPOTENCY_KEY_REUSED",
    "the key was used before with other content; nothing of the batch was accepted")
  static let tableChanged = APIError(
    503, "SERVICE_UNAVAILABLE", "the table changed while the body was read; send it again",
    isRetryable: true)

  /// - Parameter durable: of a batch that was accepted under the same number before.
  static func producerFenced(current: Int64, durable: BatchReceipt?) -> APIError {
    APIError(
      403, "PRODUCER_FENCED",
      "a later life of the producer has begun; this one must end" + told(durable),
      context: [.init("current_epoch", .integer(current))] + token(durable))
  }

  static func producerGap(expected: Int64, durable: BatchReceipt?) -> APIError {
    APIError(
      409, "PRODUCER_SEQUENCE_GAP", "the batch is not the producer's next one" + told(durable),
      context: [.init("expected_sequence", .integer(expected))] + token(durable))
  }

  private static func told(_ durable: BatchReceipt?) -> String {
    durable == nil ? "" : "; a batch of its number is durable"
  }

  private static func token(_ durable: BatchReceipt?) -> [JSONValue.Member] {
    durable.map { [.init("max_visibility_token", .integer($0.lastToken.rawValue))] } ?? []
  }

  /// - Parameter intake: of a batch that has bad records.
  static func batchRefused(_ intake: BatchIntake) -> APIError {
    APIError(
      400, "SCHEMA_VIOLATION",
      intake.onError == .reject
        ? "\(intake.badRecordCount) of \(intake.recordCount) records read do not fit"
        : "more records do not fit than one batch may turn into dead letters",
      context: [
        .init(
          "violations",
          .array(
            intake.violations.map {
              .object([
                .init("record_index", .integer($0.recordIndex)),
                .init("line", .integer($0.line)),
                .init("column", .string($0.column)),
                .init("expected", .string($0.expected)),
                .init("got", .string($0.got)),
              ])
            })),
        .init("violation_count", .integer(intake.violationCount)),
      ])
  }

  init(_ error: BatchIntakeError) {
    switch error {
    case .body(let error): self.init(error)
    case .storage(.storageFull): self = .storageFull
    case .storage: self = .unavailable("object store")
    case .staging(let error): self.init(error)
    }
  }

  init(_ error: BatchError) {
    switch error {
    case .damagedCompression:
      self.init(
        400, "INVALID_BODY", "the body is not what its Content-Encoding says, or is cut short")
    case .bodyTooLarge(let maximum):
      self.init(
        413, "PAYLOAD_TOO_LARGE", "the body is larger than this route takes",
        context: [.init("maximum_bytes", .integer(maximum))])
    case .keyedBatchTooLarge(let maximum):
      self.init(
        413, "PAYLOAD_TOO_LARGE", "a batch for a table with a primary key is larger than is taken",
        context: [
          .init("maximum_bytes", .integer(maximum)),
          .init("maximum_records", .integer(BatchIntake.mostKeyedRecords)),
        ])
    case .recordTooLong(let line, let maximum):
      self.init(
        400, "LIMIT_EXCEEDED", "a record is longer than the limit batch_record_bytes of \(maximum)",
        context: [
          .init("limit", .string("batch_record_bytes")), .init("maximum", .integer(maximum)),
          .init("line", .integer(line)),
        ])
    case .headerMissing:
      self.init(400, "INVALID_BODY", "a CSV body begins with a header of column names")
    case .unknownColumn(let name, let suggestion):
      let hint = suggestion.map { "; did you mean \"\($0)\"?" } ?? ""
      self.init(
        400, "SCHEMA_VIOLATION", "the header names \"\(name)\", which is no column\(hint)",
        context: Self.violation(line: 1, column: name, expected: "a column", got: "no column"))
    case .columnTwice(let name):
      self.init(
        400, "SCHEMA_VIOLATION", "the header names \"\(name)\" twice",
        context: Self.violation(line: 1, column: name, expected: "named once", got: "twice"))
    case .quoteNotClosed(let line):
      self.init(
        400, "INVALID_BODY", "a quoted field is not closed",
        context: [.init("line", .integer(line))])
    case .strayQuote(let line):
      self.init(
        400, "INVALID_BODY", "a quote stands inside a field or behind a closing quote",
        context: [.init("line", .integer(line))])
    }
  }

  private static func violation(
    line: Int, column: String, expected: String, got: String
  ) -> [JSONValue.Member] {
    [
      .init(
        "violations",
        .array([
          .object([
            .init("line", .integer(line)), .init("column", .string(column)),
            .init("expected", .string(expected)), .init("got", .string(got)),
          ])
        ])), .init("violation_count", .integer(1)),
    ]
  }

  init(_ error: StagingError) {
    switch error {
    case .violations(let violations):
      self.init(
        400, "SCHEMA_VIOLATION", "the file does not fit the table",
        context: [
          .init(
            "violations",
            .array(
              violations.prefix(100).map {
                .object([
                  .init("column", .string($0.column)), .init("expected", .string($0.expected)),
                  .init("got", .string($0.got)),
                ])
              })), .init("violation_count", .integer(violations.count)),
        ])
    case .unreadable(let reason): self.init(400, "INVALID_BODY", reason)
    case .limitExceeded(.rowBytes(let maximum)):
      self.init(
        400, "LIMIT_EXCEEDED",
        "a row is longer than the limit batch_record_bytes of \(maximum) as a line of JSON",
        context: [
          .init("limit", .string("batch_record_bytes")), .init("maximum", .integer(maximum)),
        ])
    case .limitExceeded(.memoryBytes(let maximum)):
      self.init(
        400, "LIMIT_EXCEEDED",
        "reading the file needs more memory than the limit batch_memory_bytes of \(maximum)",
        context: [
          .init("limit", .string("batch_memory_bytes")), .init("maximum", .integer(maximum)),
        ])
    case .crashed:
      self.init(400, "INVALID_BODY", "the engine cannot read the body: it crashes on it")
    case .storageFull: self = .storageFull
    case .environment: self = .unavailable("staging")
    }
  }
}

import Edge
import HTTPServer
import Model

/// What kind of bytes a batch's body is.
enum BatchFormat: String, CaseIterable, Sendable {
  case ndjson = "application/x-ndjson"
  case csv = "text/csv"
  case parquet = "application/vnd.apache.parquet"
  case arrow = "application/vnd.apache.arrow.stream"

  /// The format that a media type names, whatever its parameters.
  init?(mediaType: String) {
    self.init(rawValue: MediaType.essence(of: mediaType))
  }

  /// The reader of bodies of lines; nil for files that have no records of their own.
  var records: BatchReader.Format? {
    switch self {
    case .ndjson: .ndjson
    case .csv: .csv
    case .parquet, .arrow: nil
    }
  }
}

/// The one key of a batch, as the client wrote it.
enum BatchKey: Sendable, Equatable {
  case key([UInt8])
  case producer(name: [UInt8], epoch: Int64, sequence: Int64)

  /// For dead letters, which name the key of their event.
  var text: [UInt8] {
    switch self {
    case .key(let text): text
    case .producer(let name, let epoch, let sequence): name + Array("/\(epoch)/\(sequence)".utf8)
    }
  }
}

/// What is asked of a batch beside its body, all of it in the request's head.
struct BatchRequest: Sendable {
  static let parameters: Set<String> = [
    "op", "wait_for_visibility", "visibility_timeout_ms", "on_error",
  ]

  let format: BatchFormat
  let encoding: ContentDecoder.Encoding
  let key: BatchKey
  let operation: IngestOperation
  let waitForVisibility: Bool
  let visibilityTimeoutMs: Int?
  let onError: IngestRequest.ErrorHandling

  init(_ head: HTTPRequestHead, format: BatchFormat, limits: Limits.Request) throws(APIError) {
    self.format = format
    encoding = try Self.encoding(head)
    key = try Self.key(head, limits: limits)
    let target = head.target
    operation = try Self.operation(target.queryValue("op"))
    switch target.queryValue("wait_for_visibility") {
    case nil, "false": waitForVisibility = false
    case "true": waitForVisibility = true
    default: throw .invalidField("wait_for_visibility", "true or false")
    }
    let maximum = limits.maximumVisibilityTimeoutMs
    visibilityTimeoutMs = try target.queryValue("visibility_timeout_ms").map {
      text throws(APIError) in
      guard let value = Self.number(text), value <= Int64(maximum) else {
        throw .invalidField("visibility_timeout_ms", "an integer from 0 to \(maximum)")
      }
      return Int(value)
    }
    switch target.queryValue("on_error") {
    case nil, "reject": onError = .reject
    case "dead_letter":
      guard format.records != nil else {
        throw .invalidField("on_error", "\"reject\" for a file that has no records of its own")
      }
      onError = .deadLetter
    default: throw .invalidField("on_error", "\"reject\" or \"dead_letter\"")
    }
  }

  private static func encoding(
    _ head: HTTPRequestHead
  ) throws(APIError) -> ContentDecoder.Encoding {
    guard let text = head.headers["Content-Encoding"] else { return .identity }
    guard let encoding = ContentDecoder.Encoding(rawValue: text.lowercased()) else {
      throw APIError(
        415, "UNSUPPORTED_MEDIA_TYPE", "a batch is taken with Content-Encoding gzip or zstd",
        context: [.init("got", .string(String(text.prefix(100))))])
    }
    return encoding
  }

  private static func operation(_ text: String?) throws(APIError) -> IngestOperation {
    switch text {
    case nil, "insert": return .insert
    case "upsert": return .upsert
    case "delete": return .delete
    default:
      throw APIError(400, "INVALID_OP", "\"op\" must be \"insert\", \"upsert\" or \"delete\"")
    }
  }

  private static func key(
    _ head: HTTPRequestHead, limits: Limits.Request
  ) throws(APIError) -> BatchKey {
    let key = head.headers["Idempotency-Key"]
    let producer = head.headers["Producer-Id"]
    let (epoch, sequence) = (head.headers["Producer-Epoch"], head.headers["Producer-Seq"])
    let isNumbered = producer != nil || epoch != nil || sequence != nil
    guard key == nil || !isNumbered else {
      throw .invalidField("Idempotency-Key", "the batch's only key, without Producer-Id")
    }
    if let key {
      return .key(try name(key, "Idempotency-Key", limits: limits))
    }
    guard isNumbered else {
      throw APIError(
        400, "IDEMPOTENCY_KEY_REQUIRED",
        """
        a batch needs a key: the header Idempotency-Key, or Producer-Id with Producer-Epoch and \
        Producer-Seq
        """)
    }
    guard let producer else { throw .invalidField("Producer-Id", "given with its numbers") }
    return .producer(
      name: try name(producer, "Producer-Id", limits: limits),
      epoch: try number(epoch, "Producer-Epoch"), sequence: try number(sequence, "Producer-Seq"))
  }

  private static func name(
    _ text: String, _ field: String, limits: Limits.Request
  ) throws(APIError) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty else { throw .invalidField(field, "a text that is not empty") }
    guard bytes.count <= limits.idempotencyKeyBytes else {
      throw .limitExceeded(field, maximum: limits.idempotencyKeyBytes)
    }
    return bytes
  }

  private static func number(_ text: String?, _ field: String) throws(APIError) -> Int64 {
    guard let value = text.flatMap(number) else {
      throw .invalidField(field, "an integer from 0 on")
    }
    return value
  }

  private static func number(_ text: String) -> Int64? {
    guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return Int64(text)
  }
}

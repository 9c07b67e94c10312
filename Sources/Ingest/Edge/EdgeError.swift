import SimdJSON

/// Why a whole ingest request is refused, whatever the table's schema says.
package enum EdgeError: Error, Equatable, Sendable {
  case invalidJSON(explanation: String, position: Int?)
  /// `records` is missing, no array or empty; with an index: that element is no object.
  case recordsRequired(recordIndex: Int?)
  case idempotencyKeyRequired(recordIndex: Int)
  case invalidOperation(recordIndex: Int)
  case payloadRequired(recordIndex: Int)
  /// `upsert` and `delete` need a table with a primary key.
  case primaryKeyRequired(recordIndex: Int)
  case unknownField(name: String, recordIndex: Int?)
  case invalidField(name: String, expected: String, recordIndex: Int?)
  case limitExceeded(limit: Limit, maximum: Int, recordIndex: Int?)

  /// The names under which `GET /v1/limits` shows them.
  package enum Limit: String, Sendable {
    case records = "records_per_request"
    case keyBytes = "idempotency_key_bytes"
    case depth = "json_nesting"
    case values = "json_values"
    case bodyBytes = "body_bytes"
  }

  /// The stable code of the HTTP contract.
  package var errorCode: String {
    switch self {
    case .invalidJSON: "INVALID_JSON"
    case .recordsRequired: "RECORDS_REQUIRED"
    case .idempotencyKeyRequired: "IDEMPOTENCY_KEY_REQUIRED"
    case .invalidOperation: "INVALID_OP"
    case .payloadRequired: "PAYLOAD_REQUIRED"
    case .primaryKeyRequired: "PRIMARY_KEY_REQUIRED"
    case .unknownField: "UNKNOWN_FIELD"
    case .invalidField: "INVALID_FIELD"
    case .limitExceeded: "LIMIT_EXCEEDED"
    }
  }

  /// Fit for a client.
  package var message: String {
    switch self {
    case .invalidJSON(let explanation, _): explanation
    case .recordsRequired(nil): "\"records\" must be an array with at least one record"
    case .recordsRequired: "a record must be an object"
    case .idempotencyKeyRequired: "\"idempotency_key\" must be a string that is not empty"
    case .invalidOperation: "\"op\" must be \"insert\", \"upsert\" or \"delete\""
    case .payloadRequired: "\"payload\" must be an object"
    case .primaryKeyRequired: "\"upsert\" and \"delete\" need a table with a primary key"
    case .unknownField(let name, nil):
      "unknown field \"\(name)\"; known are on_error, records, visibility_timeout_ms, "
        + "wait_for_visibility"
    case .unknownField(let name, _):
      "unknown field \"\(name)\" in a record; known are event_time, idempotency_key, op, payload"
    case .invalidField(let name, let expected, _): "\"\(name)\" must be \(expected)"
    case .limitExceeded(let limit, let maximum, _):
      "the request exceeds the limit \(limit.rawValue) of \(maximum)"
    }
  }

  /// The record at fault, when it is one record's.
  package var recordIndex: Int? {
    switch self {
    case .invalidJSON: nil
    case .recordsRequired(let index), .unknownField(_, let index),
      .invalidField(_, _, let index), .limitExceeded(_, _, let index):
      index
    case .idempotencyKeyRequired(let index), .invalidOperation(let index),
      .payloadRequired(let index), .primaryKeyRequired(let index):
      index
    }
  }

  /// Whether another table, or another version of it, might have taken the request.
  package var dependsOnTable: Bool {
    switch self {
    case .primaryKeyRequired, .invalidField: true
    case .invalidJSON, .recordsRequired, .idempotencyKeyRequired, .invalidOperation,
      .payloadRequired, .unknownField, .limitExceeded:
      false
    }
  }

  init(_ error: JSONSyntaxError, limits: IngestLimits) {
    switch error.reason {
    case .tooDeep:
      self = .limitExceeded(limit: .depth, maximum: limits.json.depth, recordIndex: nil)
    case .tooManyTokens:
      self = .limitExceeded(limit: .values, maximum: limits.json.tokens, recordIndex: nil)
    case .tooLong:
      self = .limitExceeded(limit: .bodyBytes, maximum: Int(UInt32.max) - 1, recordIndex: nil)
    default:
      self = .invalidJSON(
        explanation: error.explanation, position: error.position > 0 ? error.position : nil)
    }
  }
}

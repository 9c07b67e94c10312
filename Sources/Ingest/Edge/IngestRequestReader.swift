import Model
import SimdJSON

/// Walks the tokens of one ingest request.
struct IngestRequestReader: ~Copyable {
  /// What a request holds besides its body.
  struct Output {
    var records: [IngestRecord] = []
    var payloads: PayloadOutput
    var waitForVisibility = false
    var visibilityTimeoutMs: Int?
    var onError = IngestRequest.ErrorHandling.reject
  }

  private let tokens: JSONTokens
  private let limits: IngestLimits
  private let isKeyed: Bool
  private var hasher: RecordHasher
  private var payloads: PayloadReader
  private var output: Output

  init(tokens: JSONTokens, table: IngestTable, limits: IngestLimits) {
    self.tokens = tokens
    self.limits = limits
    isKeyed = table.isKeyed
    hasher = RecordHasher(tenant: table.tenant, table: table.table)
    payloads = PayloadReader(
      tokens: tokens, table: table, listedViolations: limits.listedViolations)
    output = Output(payloads: PayloadOutput())
  }

  private static let requestFields: [StaticString] = [
    "records", "wait_for_visibility", "visibility_timeout_ms", "on_error",
  ]
  private static let recordFields: [StaticString] = [
    "idempotency_key", "op", "payload", "event_time",
  ]

  mutating func read() throws(EdgeError) -> Output {
    guard tokens[0].kind == .object else {
      throw .invalidJSON(explanation: "the body must be an object", position: nil)
    }
    let fields = try fields(of: 0, named: Self.requestFields, recordIndex: nil)
    output.waitForVisibility = try flag("wait_for_visibility", at: fields.1)
    output.visibilityTimeoutMs = try timeout(at: fields.2)
    output.onError = try errorHandling(at: fields.3)
    try readRecords(at: fields.0)
    output.payloads = payloads.output
    return output
  }

  /// The token index of the value of each field, 0 for a field that is missing.
  private func fields(
    of object: Int, named names: [StaticString], recordIndex: Int?
  ) throws(EdgeError) -> (Int, Int, Int, Int) {
    var found = (0, 0, 0, 0)
    var name = object + 1
    let end = tokens[object].next
    while name < end {
      let token = tokens[name]
      let field = tokens.withString(of: token) { text in
        names.firstIndex { Self.isEqual(text, $0) } ?? -1
      }
      let isFirst: Bool
      switch field {
      case 0: isFirst = Self.set(&found.0, name + 1)
      case 1: isFirst = Self.set(&found.1, name + 1)
      case 2: isFirst = Self.set(&found.2, name + 1)
      case 3: isFirst = Self.set(&found.3, name + 1)
      default:
        throw .unknownField(
          name: tokens.excerpt(of: token), recordIndex: recordIndex)
      }
      guard isFirst else {
        throw EdgeError(
          JSONSyntaxError(.duplicateMember, position: token.offset), limits: limits)
      }
      name = tokens[name + 1].next
    }
    return found
  }

  private static func set(_ place: inout Int, _ index: Int) -> Bool {
    defer { place = index }
    return place == 0
  }

  @inline(__always)
  private static func isEqual(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    text.count == name.utf8CodeUnitCount
      && text.elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: text.count))
  }

  private func flag(_ name: String, at index: Int) throws(EdgeError) -> Bool {
    guard index != 0 else { return false }
    switch tokens[index].kind {
    case .true: return true
    case .false: return false
    default: throw .invalidField(name: name, expected: "true or false", recordIndex: nil)
    }
  }

  private func timeout(at index: Int) throws(EdgeError) -> Int? {
    guard index != 0, tokens[index].kind != .null else { return nil }
    let token = tokens[index]
    let value =
      token.kind == .integer || token.kind == .real
      ? DecimalText(tokens.bytes(of: token)).integer : nil
    guard let value, !value.isNegative, value.magnitude <= UInt64(limits.visibilityTimeoutMs) else {
      throw .invalidField(
        name: "visibility_timeout_ms",
        expected: "an integer from 0 to \(limits.visibilityTimeoutMs)", recordIndex: nil)
    }
    return Int(value.magnitude)
  }

  private func errorHandling(at index: Int) throws(EdgeError) -> IngestRequest.ErrorHandling {
    guard index != 0 else { return .reject }
    if tokens[index].kind == .string {
      let text = tokens.string(of: tokens[index])
      if text == "reject" { return .reject }
      if text == "dead_letter" { return .deadLetter }
    }
    throw .invalidField(
      name: "on_error", expected: "\"reject\" or \"dead_letter\"", recordIndex: nil)
  }

  private mutating func readRecords(at index: Int) throws(EdgeError) {
    guard index != 0, tokens[index].kind == .array, index + 1 < tokens[index].next else {
      throw .recordsRequired(recordIndex: nil)
    }
    var count = 0
    var element = index + 1
    let end = tokens[index].next
    while element < end {
      count += 1
      element = tokens[element].next
    }
    guard count <= limits.records else {
      throw .limitExceeded(limit: .records, maximum: limits.records, recordIndex: nil)
    }
    output.records.reserveCapacity(count)
    element = index + 1
    while element < end {
      try readRecord(at: element)
      element = tokens[element].next
    }
  }

  private mutating func readRecord(at index: Int) throws(EdgeError) {
    let recordIndex = output.records.count
    guard tokens[index].kind == .object else { throw .recordsRequired(recordIndex: recordIndex) }
    let fields = try fields(of: index, named: Self.recordFields, recordIndex: recordIndex)
    let key = try key(at: fields.0, recordIndex: recordIndex)
    let operation = try operation(at: fields.1, recordIndex: recordIndex)
    guard fields.2 != 0, tokens[fields.2].kind == .object else {
      throw .payloadRequired(recordIndex: recordIndex)
    }
    guard operation == .insert || isKeyed else {
      throw .primaryKeyRequired(recordIndex: recordIndex)
    }
    let payload = payloads.read(
      payload: fields.2, eventTime: fields.3, operation: operation, recordIndex: recordIndex)
    let contentHash = try contentHash(
      operation: operation, eventTime: fields.3, instant: payload.eventTime, payload: fields.2)
    output.records.append(
      IngestRecord(
        keyHash: key.hash, contentHash: contentHash, operation: operation,
        eventTime: payload.eventTime, isValid: payload.isValid, key: key.text,
        payload: payload.text))
  }

  private mutating func key(
    at index: Int, recordIndex: Int
  ) throws(EdgeError) -> (hash: KeyHash, text: IngestRecord.TextRange) {
    guard index != 0, tokens[index].kind == .string, tokens[index].length > 0 else {
      throw .idempotencyKeyRequired(recordIndex: recordIndex)
    }
    let token = tokens[index]
    guard !token.containsNUL else {
      throw .invalidField(
        name: "idempotency_key", expected: "a string without U+0000", recordIndex: recordIndex)
    }
    let (isLongest, hash) = tokens.withString(of: token) { text in
      (text.count <= limits.keyBytes, hasher.keyHash(of: text))
    }
    guard isLongest else {
      throw .limitExceeded(limit: .keyBytes, maximum: limits.keyBytes, recordIndex: recordIndex)
    }
    return (hash, .init(token.isEscaped ? .escapedBody : .body, token.offset, token.length))
  }

  private func operation(at index: Int, recordIndex: Int) throws(EdgeError) -> IngestOperation {
    guard index != 0, tokens[index].kind == .string else {
      throw .invalidOperation(recordIndex: recordIndex)
    }
    let operation: IngestOperation? = tokens.withString(of: tokens[index]) { text in
      if Self.isEqual(text, "insert") { return .insert }
      if Self.isEqual(text, "upsert") { return .upsert }
      return Self.isEqual(text, "delete") ? .delete : nil
    }
    guard let operation else { throw .invalidOperation(recordIndex: recordIndex) }
    return operation
  }

  private mutating func contentHash(
    operation: IngestOperation, eventTime: Int, instant: Timestamp?, payload: Int
  ) throws(EdgeError) -> Int64 {
    var content = RecordHasher.EventTimeContent.absent
    if let instant {
      content = .instant(instant.microseconds)
    } else if eventTime != 0, tokens[eventTime].kind != .null {
      content = .text(tokens.bytes(of: tokens[eventTime]))
    }
    do {
      return try tokens.withCanonicalBytes(of: payload) { bytes in
        hasher.contentHash(operation: operation, eventTime: content, payload: bytes)
      }
    } catch {
      throw EdgeError(error, limits: limits)
    }
  }
}

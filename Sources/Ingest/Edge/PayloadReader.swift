import Model
import SimdJSON

/// What the payloads of a request came to.
struct PayloadOutput {
  var violations: [SchemaViolation] = []
  var violationCount = 0
  /// The payloads that could not stay as they were sent, one after the other.
  var rewritten: [UInt8] = []
}

/// Holds payloads against a table's schema.
struct PayloadReader {
  struct Result {
    let isValid: Bool
    let eventTime: Timestamp?
    let text: IngestRecord.TextRange
  }

  /// A value that DuckDB would not read exactly as it stands.
  struct Rewrite {
    let token: Int
    let verdict: ValueVerdict
  }

  let tokens: JSONTokens
  let table: IngestTable
  private let listedViolations: Int
  /// Bit i of word i / 64 is set if the payload at hand has column i.
  private var seen: [UInt64]
  var rewrites: [Rewrite] = []
  /// From the nested column at hand to the value at hand.
  var path: [ValuePathStep] = []
  private var suggestions = 0
  private(set) var output = PayloadOutput()

  init(tokens: JSONTokens, table: IngestTable, listedViolations: Int) {
    self.tokens = tokens
    self.table = table
    self.listedViolations = listedViolations
    seen = [UInt64](repeating: 0, count: table.requiredColumns(of: .insert).count)
  }

  /// - Parameters:
  ///   - payload: index of an object.
  ///   - eventTime: index of the record's `event_time`, 0 when it has none.
  ///   - operation: says which columns must be there.
  mutating func read(
    payload: Int, eventTime: Int, operation: IngestOperation, recordIndex: Int
  ) -> Result {
    let countBefore = output.violationCount
    rewrites.removeAll(keepingCapacity: true)
    for word in seen.indices { seen[word] = 0 }

    readMembers(of: payload, recordIndex: recordIndex)
    let instant = readEventTime(at: eventTime, recordIndex: recordIndex)
    let fillsColumn = fillsEventTimeColumn(instant)
    checkMissing(table.requiredColumns(of: operation), recordIndex: recordIndex)

    let isValid = output.violationCount == countBefore
    let token = tokens[payload]
    let needsCopy = isValid && (!rewrites.isEmpty || fillsColumn)
    let text: IngestRecord.TextRange =
      needsCopy
      ? rewrite(payload: payload, eventTime: fillsColumn ? instant : nil)
      : .init(.body, token.offset, token.length)
    return Result(isValid: isValid, eventTime: instant, text: text)
  }

  private mutating func readMembers(of payload: Int, recordIndex: Int) {
    var name = payload + 1
    var guess = 0
    let end = tokens[payload].next
    while name < end {
      let nameToken = tokens[name]
      let value = tokens[name + 1]
      let column = tokens.withString(of: nameToken) { table.names.index(of: $0, guess: guess) }
      if let column {
        seen[column / 64] |= 1 << UInt64(column % 64)
        check(value, at: name + 1, column: column, recordIndex: recordIndex)
        guess = column + 1
      } else {
        addUnknown(nameToken, value, recordIndex: recordIndex)
      }
      name = value.next
    }
  }

  @inline(__always)
  private mutating func check(_ value: JSONToken, at index: Int, column: Int, recordIndex: Int) {
    let definition = table.columns[column]
    if value.kind == .null {
      if !definition.isNullable { addViolation(column, value, recordIndex) }
      return
    }
    switch definition.type {
    case .scalar(let type):
      let verdict = judge(value, type)
      switch verdict {
      case .unchanged: break
      case .refused: addViolation(column, value, recordIndex)
      default: rewrites.append(Rewrite(token: index, verdict: verdict))
      }
    case .nested(let shape):
      checkNested(
        at: index, table.shapes[shape], of: NestedColumn(column: column, recordIndex: recordIndex))
    }
  }

  func judge(_ value: JSONToken, _ type: ScalarType) -> ValueVerdict {
    let kind: ValueKind
    switch value.kind {
    case .null: kind = .null
    case .false, .true: kind = .boolean
    case .integer: kind = .integer
    case .real: kind = .real
    case .array: kind = .array
    case .object: kind = .object
    case .string:
      // A long text is not unescaped only to learn that it is one.
      if case .varchar = type { return value.containsNUL ? .refused : .unchanged }
      if case .json = type { return .quotedText }
      return tokens.withString(of: value) {
        type.judge(.string, $0, containsNUL: value.containsNUL)
      }
    }
    return type.judge(kind, tokens.bytes(of: value), containsNUL: false)
  }

  // MARK: Event time

  private mutating func readEventTime(at index: Int, recordIndex: Int) -> Timestamp? {
    guard index != 0, tokens[index].kind != .null else { return nil }
    let token = tokens[index]
    let microseconds =
      token.kind == .string
      ? tokens.withString(of: token) { DateTimeText.timestamp($0, zone: .required) } : nil
    if table.eventTimeIndex == nil {
      add(
        column: "event_time", expected: "no value (the table has no event_time_column)", token,
        recordIndex)
    } else if microseconds == nil {
      add(
        column: "event_time", expected: ColumnType.timestampTZ.expectation, token, recordIndex)
    }
    return microseconds.map { Timestamp(microseconds: $0) }
  }

  /// Whether the record's time becomes the value of a column that the payload lacks.
  private mutating func fillsEventTimeColumn(_ instant: Timestamp?) -> Bool {
    guard instant != nil, let column = table.eventTimeIndex else { return false }
    let bit: UInt64 = 1 << UInt64(column % 64)
    guard seen[column / 64] & bit == 0 else { return false }
    seen[column / 64] |= bit
    return true
  }

  // MARK: Violations

  private mutating func checkMissing(_ required: UnsafeBufferPointer<UInt64>, recordIndex: Int) {
    for word in seen.indices {
      var missing = required[word] & ~seen[word]
      while missing != 0 {
        addViolation(word * 64 + missing.trailingZeroBitCount, nil, recordIndex)
        missing &= missing - 1
      }
    }
  }

  private mutating func addViolation(_ column: Int, _ value: JSONToken?, _ recordIndex: Int) {
    guard countViolation(recordIndex) else { return }
    let definition = table.schema.columns[column]
    let suffix = definition.isNullable ? "" : ", not null"
    append(definition.name, definition.type.expectation + suffix, value, recordIndex)
  }

  private mutating func addUnknown(_ name: JSONToken, _ value: JSONToken, recordIndex: Int) {
    guard countViolation(recordIndex) else { return }
    let written = tokens.excerpt(of: name)
    let near = suggestion(for: name, among: table.schema.columns.lazy.map(\.name))
    let expected = near.map { "no such column; did you mean \"\($0)\"?" } ?? "no such column"
    append(written, expected, value, recordIndex)
  }

  private mutating func add(
    column: String, expected: String, _ value: JSONToken, _ recordIndex: Int
  ) {
    guard countViolation(recordIndex) else { return }
    append(column, expected, value, recordIndex)
  }

  /// Counts a violation; false when it is not to be listed.
  mutating func countViolation(_ recordIndex: Int) -> Bool {
    output.violationCount += 1
    return output.violations.count < listedViolations
      || output.violations.last?.recordIndex != recordIndex
  }

  mutating func append(
    _ column: String, _ expected: String, _ value: JSONToken?, _ recordIndex: Int
  ) {
    output.violations.append(
      SchemaViolation(
        recordIndex: recordIndex, column: column, expected: expected,
        got: value.map(excerpt) ?? "no value"))
  }

  /// Comparing a name with every column costs much more than reading it.
  private static let maxSuggestions = 16

  mutating func suggestion(
    for name: JSONToken, among names: some Sequence<String>
  ) -> String? {
    guard suggestions < Self.maxSuggestions else { return nil }
    suggestions += 1
    return NameSuggestion.nearest(to: tokens.excerpt(of: name), among: names)
  }

  /// What a value is, and of a scalar its beginning.
  private func excerpt(of value: JSONToken) -> String {
    switch value.kind {
    case .null, .false, .true: return tokens.excerpt(of: value)
    case .integer, .real: return "number \(tokens.excerpt(of: value))"
    case .string: return "string \"\(tokens.excerpt(of: value))\""
    case .array: return "array"
    case .object: return "object"
    }
  }

  // MARK: Rewriting

  private mutating func rewrite(payload: Int, eventTime: Timestamp?) -> IngestRecord.TextRange {
    let token = tokens[payload]
    let start = output.rewritten.count
    var copied = token.offset
    for rewrite in rewrites {
      let value = tokens[rewrite.token]
      // A string's token leaves out its quotes, which are to be replaced as well.
      let quote = value.kind == .string ? 1 : 0
      let first = value.offset - quote
      let end = value.offset + value.length + quote
      output.rewritten.append(contentsOf: tokens.text[copied..<first])
      let text = UnsafeRawBufferPointer(rebasing: tokens.text[first..<end])
      switch rewrite.verdict {
      case .plainInteger: DecimalText(text).appendPlain(to: &output.rewritten)
      case .decimalString:
        output.rewritten.append(UInt8(ascii: "\""))
        DecimalText(text).appendPlain(to: &output.rewritten)
        output.rewritten.append(UInt8(ascii: "\""))
      case .quotedText: JSONText.appendQuoted(text, to: &output.rewritten)
      case .unchanged, .refused: preconditionFailure("a value that is not rewritten")
      }
      copied = end
    }
    let closingBrace = token.offset + token.length - 1
    output.rewritten.append(contentsOf: tokens.text[copied..<closingBrace])
    if let eventTime, let column = table.eventTimeIndex {
      appendEventTime(eventTime, column: column, isFirst: payload + 1 == token.next)
    }
    output.rewritten.append(UInt8(ascii: "}"))
    return .init(.rewritten, start, output.rewritten.count - start)
  }

  private mutating func appendEventTime(_ instant: Timestamp, column: Int, isFirst: Bool) {
    let definition = table.schema.columns[column]
    var text = instant.rfc3339
    if definition.type == .timestamp { text.removeLast() }
    output.rewritten.append(
      contentsOf: "\(isFirst ? "" : ",")\"\(definition.name)\":\"\(text)\"".utf8)
  }
}

extension JSONTokens {
  private static let longestExcerpt = 64

  /// The beginning of a token's text as it was written, for an error's text.
  func excerpt(of token: JSONToken) -> String {
    let text = bytes(of: token)
    guard text.count > Self.longestExcerpt else { return String(decoding: text, as: UTF8.self) }
    var end = Self.longestExcerpt
    // Not in the middle of a character.
    while end > 0, text[end] & 0b1100_0000 == 0b1000_0000 { end -= 1 }
    return String(decoding: text[..<end], as: UTF8.self) + "…"
  }
}

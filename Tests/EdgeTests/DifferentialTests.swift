import DuckDB
import Edge
import Foundation
import Model
import SimdJSON
import Testing

/// Random schemas and payloads: the edge's verdict and DuckDB's reading against a slow oracle.
@Suite struct DifferentialTests {
  private static let schemaCount =
    Int(ProcessInfo.processInfo.environment["DUCKMESH_FUZZ_SCHEMAS"] ?? "") ?? 40
  private static let firstSeed =
    UInt64(ProcessInfo.processInfo.environment["DUCKMESH_FUZZ_SEED"] ?? "") ?? 1
  private static let payloadsPerSchema = 500

  @Test func whateverTheEdgeAcceptsDuckDBReadsAsTheSameValue() async throws {
    let outcome = try await onOwnThread {
      let connection = try DuckDBInstance().connect()
      _ = try connection.execute("CREATE TABLE batch (position BIGINT, payload VARCHAR)")
      var outcome = DifferentialOutcome()
      for offset in 0..<Self.schemaCount {
        let run = try DifferentialRun(seed: Self.firstSeed &+ UInt64(offset))
        try run.run(count: Self.payloadsPerSchema, on: connection, into: &outcome)
      }
      return outcome
    }
    let problems = outcome.problems.prefix(5).joined(separator: "\n")
    #expect(outcome.problems.count == 0, "the first differences:\n\(problems)")
    // Without these, a generator that makes only good or only bad payloads would pass.
    let total = Self.schemaCount * Self.payloadsPerSchema
    #expect(outcome.accepted > total / 3)
    #expect(outcome.refused > total / 10)
  }
}

private struct DifferentialOutcome: Sendable {
  var accepted = 0
  var refused = 0
  var problems: [String] = []
}

/// One schema and its payloads.
private struct DifferentialRun {
  private struct Payload {
    let text: String
    /// nil when the schema must refuse it.
    let row: [DuckDBValue]?
    let eventTime: String?
  }

  private let seed: UInt64
  private var generator: LiteralGenerator
  private var schema: TableSchema
  private var eventTimeColumn: String?

  init(seed: UInt64) throws {
    self.seed = seed
    generator = LiteralGenerator(random: SeededGenerator(seed: seed))
    var columns: [ColumnDefinition] = []
    for index in 0..<(1 + generator.random.below(12)) {
      let name = generator.random.pick(["a", "Key", "_x", "position", "payload"]) + "\(index)"
      let type = generator.type()
      var description: [JSONValue.Member] = [
        .init("name", .string(name)), .init("type", .string(type.sqlName)),
        .init("nullable", .boolean(generator.random.chance(70))),
      ]
      if generator.random.chance(25), type != .json, type != .blob, !type.isNested {
        let literal = generator.literal(for: type)
        if literal != "\"NULL\"", let value = try? JSONValue(parsing: Array(literal.utf8)),
          value != .null, try ValueOracle.value(of: literal, as: type) != nil
        {
          description.append(.init("default", value))
        }
      }
      let json = JSONValue.object([.init("columns", .array([.object(description)]))])
      columns += try TableSchema(json: json).columns
    }
    schema = try TableSchema(columns: columns)
    let candidates = columns.filter { $0.type == .timestampTZ || $0.type == .timestamp }
    eventTimeColumn = generator.random.chance(70) ? candidates.first?.name : nil
  }

  func run(
    count: Int, on connection: DuckDBConnection, into outcome: inout DifferentialOutcome
  ) throws {
    var run = self
    let payloads = try (0..<count).map { _ in try run.payload() }
    let request = try IngestParser().parse(
      Self.body(payloads),
      for: IngestTable(
        tenant: TenantID(1), table: TableID(1), schema: schema, eventTimeColumn: eventTimeColumn))
    guard request.records.count == payloads.count else {
      return outcome.problems.append("seed \(seed): \(request.records.count) records")
    }
    var expected: [[DuckDBValue]] = []
    var texts: [String] = []
    for (index, (payload, record)) in zip(payloads, request.records).enumerated() {
      guard record.isValid == (payload.row != nil) else {
        let reasons = request.violations(ofRecord: index)
        outcome.problems.append("seed \(seed): \(payload.text) \(reasons) \(schema)")
        continue
      }
      guard let row = payload.row else {
        outcome.refused += 1
        continue
      }
      expected.append(row)
      texts.append(String(decoding: request.payload(of: record), as: UTF8.self))
    }
    outcome.accepted += expected.count
    let rows = try read(texts, on: connection)
    guard rows.count == expected.count else {
      return outcome.problems.append("seed \(seed): \(rows.count) rows")
    }
    for (index, (row, wanted)) in zip(rows, expected).enumerated()
    where !SameValue.holds(row, wanted, schema.columns.map(\.type)) {
      outcome.problems.append("seed \(seed): \(texts[index]) read as \(row), not \(wanted)")
    }
  }

  private func read(
    _ payloads: [String], on connection: DuckDBConnection
  ) throws -> [[DuckDBValue]] {
    _ = try connection.execute("DELETE FROM batch")
    let insert = try connection.prepare("INSERT INTO batch VALUES (?, ?)")
    for (position, payload) in payloads.enumerated() {
      try insert.bind(positional: [.int64(Int64(position)), .string(payload)])
      _ = try insert.execute(streaming: false)
    }
    let sql = """
      SELECT \(schema.materializationProjection) FROM \
      \(schema.materializationSource(over: "batch")) ORDER BY materialization.position
      """
    return try connection.query(sql).rows
  }

  private static func body(_ payloads: [Payload]) -> [UInt8] {
    let records = payloads.enumerated().map { index, payload in
      let eventTime = payload.eventTime.map { ",\"event_time\":\($0)" } ?? ""
      return """
        {"idempotency_key":"\(index)","op":"insert","payload":\(payload.text)\(eventTime)}
        """
    }
    return Array("{\"records\":[\(records.joined(separator: ","))]}".utf8)
  }

  private mutating func payload() throws -> Payload {
    var members: [String] = []
    var row: [DuckDBValue]? = []
    var eventTime: String?
    var instant: Int64?
    if generator.random.chance(20) {
      let literal = generator.literal(for: .timestampTZ)
      if let value = try? ValueOracle.value(of: literal, as: .timestampTZ) {
        eventTime = literal
        if case .timestampWithTimeZone(let microseconds) = value { instant = microseconds }
        if eventTimeColumn == nil, value != .null { row = nil }
      }
    }
    let isCareful = generator.random.chance(70)
    for column in schema.columns {
      var value: DuckDBValue?
      if generator.random.chance(isCareful && !column.isNullable ? 99 : 80) {
        let literal = try literal(for: column, isCareful: isCareful)
        let escapedName = generator.quoted(Array(column.name.unicodeScalars))
        members.append("\(escapedName)\(generator.random.pick(["", " "])):\(literal)")
        value = try ValueOracle.value(of: literal, as: column.type)
        if value == .null, !column.isNullable { value = nil }
      } else if column.name == eventTimeColumn, let instant {
        value =
          column.type == .timestamp
          ? .timestamp(microseconds: instant) : .timestampWithTimeZone(microseconds: instant)
      } else if let defaultValue = column.defaultValue {
        value = try Self.meaning(of: defaultValue, column.type)
      } else if column.isNullable {
        value = .null
      }
      if let value { row?.append(value) } else { row = nil }
    }
    if generator.random.chance(1) {
      members.append("\"unknown\":1")
      row = nil
    }
    members.shuffle(using: &generator.random)
    return Payload(text: "{\(members.joined(separator: ","))}", row: row, eventTime: eventTime)
  }

  /// A literal that is JSON at least, and one that fits if care is taken.
  private mutating func literal(for column: ColumnDefinition, isCareful: Bool) throws -> String {
    var literal = "null"
    for _ in 0..<20 {
      literal = generator.literal(for: column.type)
      guard let json = try? JSONValue(parsing: Array(literal.utf8)), !json.repeatsMembers else {
        continue
      }
      guard isCareful else { return literal }
      let value = try ValueOracle.value(of: literal, as: column.type)
      if value != nil, value != .null || column.isNullable { return literal }
    }
    return "null"
  }

  /// A default's text as a JSON literal, read by the oracle.
  private static func meaning(
    of defaultValue: ColumnDefault, _ type: ColumnType
  ) throws -> DuckDBValue? {
    var writer = JSONWriter()
    switch type {
    case .varchar, .date, .time, .timestamp, .timestampS, .timestampMS, .timestampNS, .uuid,
      .scalar(.decimal):
      writer.string(defaultValue.catalogText)
    case .timestampTZ:
      writer.string(defaultValue.catalogText.replacing("+00", with: "Z"))
    default: writer.raw(defaultValue.catalogText)
    }
    return try ValueOracle.value(of: writer.text, as: type)
  }
}

extension JSONValue {
  /// Whether a request with this value would be refused as a whole.
  fileprivate var repeatsMembers: Bool {
    if let elements { return elements.contains(where: \.repeatsMembers) }
    guard let members else { return false }
    return Set(members.map { Array($0.name.utf8) }).count < members.count
      || members.contains { $0.value.repeatsMembers }
  }
}

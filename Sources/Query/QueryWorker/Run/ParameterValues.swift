import DuckDB
import WorkerProtocol

/// The values of a request's parameters, checked against the statement that takes them.
///
/// Whole numbers become BIGINT, or the smallest of UBIGINT and HUGEINT that holds them; numbers
/// with a fraction or exponent DOUBLE, strings VARCHAR, arrays LIST, objects STRUCT.
enum ParameterValues: Equatable {
  case none
  case named([String: DuckDBValue])
  case positional([DuckDBValue])

  private static let maximumDepth = 64

  /// - Parameter text: JSON, or empty for no parameters.
  /// - Throws: `parametersInvalid`, naming what is missing, unknown or doubled.
  init(_ text: [UInt8], for use: ParameterUse) throws(QueryFailure) {
    switch (try Self.parse(text), use) {
    case (nil, .none):
      self = .none
    case (nil, .named(let names)):
      throw Self.missing(names)
    case (nil, .positional(let count)):
      throw Self.wrongCount(takes: count, given: 0)
    case (.array(let elements)?, .named) where !elements.isEmpty:
      throw Self.invalid("the statement names its parameters: give an object")
    case (.array(let elements)?, _):
      guard case .positional(let count) = use else {
        guard elements.isEmpty else { throw Self.wrongCount(takes: 0, given: elements.count) }
        self = .none
        return
      }
      guard elements.count == count else {
        throw Self.wrongCount(takes: count, given: elements.count)
      }
      self = .positional(try Self.values(elements))
    case (.object(let members)?, _):
      self = try Self.named(members, for: use)
    case (_?, _):
      throw Self.invalid("parameters are an object for $name or an array for ?")
    }
  }

  func bind(to statement: DuckDBStatement) throws(QueryFailure) {
    do throws(DuckDBError) {
      switch self {
      case .none: break
      case .named(let values): try statement.bind(named: values)
      case .positional(let values): try statement.bind(positional: values)
      }
    } catch {
      throw FailureMapping.failure(of: error, otherwise: .parametersInvalid)
    }
  }

  private static func parse(_ text: [UInt8]) throws(QueryFailure) -> JSONValue? {
    guard !text.isEmpty else { return nil }
    do throws(JSONError) {
      let value = try JSONParser.parse(text, maximumDepth: maximumDepth)
      return value == .null ? nil : value
    } catch {
      throw invalid("the parameters are not JSON, or nested deeper than \(maximumDepth)")
    }
  }

  private static func named(
    _ members: [JSONMember], for use: ParameterUse
  ) throws(QueryFailure) -> ParameterValues {
    guard case .named(let names) = use else {
      if case .positional(let count) = use, count > 0 {
        throw invalid("the statement takes ? parameters: give an array")
      }
      guard let first = members.first else { return .none }
      throw invalid("the statement has no parameter $\(shown(first.name))")
    }
    let known = Set(names.map(SyntaxWalk.folded))
    var values: [String: DuckDBValue] = [:]
    for member in members {
      let key = SyntaxWalk.folded(member.name)
      guard known.contains(key) else {
        throw invalid("the statement has no parameter $\(shown(member.name))")
      }
      guard values.updateValue(try value(member.value), forKey: key) == nil else {
        throw invalid("the parameter $\(shown(member.name)) is given twice")
      }
    }
    let absent = names.filter { values[SyntaxWalk.folded($0)] == nil }
    guard absent.isEmpty else { throw missing(absent) }
    return .named(values)
  }

  private static func values(_ elements: [JSONValue]) throws(QueryFailure) -> [DuckDBValue] {
    var values: [DuckDBValue] = []
    values.reserveCapacity(elements.count)
    for element in elements {
      values.append(try value(element))
    }
    return values
  }

  private static func value(_ json: JSONValue) throws(QueryFailure) -> DuckDBValue {
    switch json {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .string(let text): return .string(text)
    case .number(let text): return try number(text)
    case .array(let elements): return .list(unified(try values(elements)))
    case .object(let members):
      var fields: [DuckDBValue.Field] = []
      for member in members {
        fields.append(DuckDBValue.Field(member.name, try value(member.value)))
      }
      return .struct(fields)
    }
  }

  private static func number(_ text: String) throws(QueryFailure) -> DuckDBValue {
    if text.utf8.allSatisfy({ $0 != 0x2E && $0 | 0x20 != 0x65 }) {
      if let value = Int64(text) { return .int64(value) }
      if let value = UInt64(text) { return .uint64(value) }
      if let value = Int128(text) { return .hugeint(value) }
      throw invalid("a whole number has more than 128 bits")
    }
    guard let value = Double(text), value.isFinite else {
      throw invalid("a number is out of the range of DOUBLE")
    }
    return .double(value)
  }

  /// A list has one type: numbers of several kinds become the widest of them.
  private static func unified(_ elements: [DuckDBValue]) -> [DuckDBValue] {
    let hasDouble = elements.contains { if case .double = $0 { true } else { false } }
    let hasWide = elements.contains {
      switch $0 {
      case .uint64, .hugeint: true
      default: false
      }
    }
    guard hasDouble || hasWide else { return elements }
    return elements.map { element in
      switch element {
      case .int64(let value): hasDouble ? .double(Double(value)) : .hugeint(Int128(value))
      case .uint64(let value): hasDouble ? .double(Double(value)) : .hugeint(Int128(value))
      case .hugeint(let value): hasDouble ? .double(Double(value)) : element
      default: element
      }
    }
  }

  private static func missing(_ names: Set<String>) -> QueryFailure {
    let list = names.sorted().prefix(10).map { "$\(shown($0))" }.joined(separator: ", ")
    return invalid("no value is given for \(list)")
  }

  private static func wrongCount(takes count: Int, given: Int) -> QueryFailure {
    invalid("the statement takes \(count) parameters, \(given) were given")
  }

  private static func invalid(_ message: String) -> QueryFailure {
    QueryFailure(.parametersInvalid, message)
  }

  private static func shown(_ name: String) -> String {
    String(SyntaxWalk.quoted(name).dropFirst().dropLast())
  }
}

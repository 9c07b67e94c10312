import Model
import SimdJSON

/// Proposes the columns of a table from records that are like those to come.
///
/// **Invariant:** the edge takes every record of the sample under the proposed schema. A column
/// gets the narrowest type that the edge itself finds all its values to be of, so the sample, which
/// is anybody's text, is judged by the code that will judge the records, and no engine reads it.
package struct SampleInference {
  package static let maxRecords = 10_000

  package enum Failure: Error, Equatable, Sendable {
    case notRecords
    case noRecords
    case tooManyRecords
    case schema(SchemaError)

    /// What is wrong with `sample_records`, fit for a client.
    package var explanation: String {
      switch self {
      case .notRecords: "every record of a sample must be an object"
      case .noRecords: "a sample has at least one record, and a record with a member"
      case .tooManyRecords: "a sample has at most \(SampleInference.maxRecords) records"
      case .schema(let error): error.explanation
      }
    }
  }

  /// Narrowest first. A number with a point or an exponent is a DOUBLE even if its value is whole.
  private static let integerTypes: [ScalarType] = [
    .bigint, .ubigint, .decimal(precision: ScalarType.maxDecimalPrecision, scale: 0), .double,
  ]
  private static let textTypes: [ScalarType] = [
    .uuid, .date, .timestamp, .timestampTZ, .time, .varchar,
  ]

  private struct Column {
    let name: String
    /// The types that every value so far is of; nil before the first value.
    var types: [ScalarType]?
  }

  private var columns: [Column] = []
  private var placeOfName: [String: Int] = [:]

  /// - Parameter sample: `sample_records`, an array of payloads.
  /// - Returns: columns in the order in which the records name them first, all nullable.
  package static func schema(of sample: JSONValue) throws(Failure) -> TableSchema {
    guard let records = sample.elements else { throw .notRecords }
    guard records.count <= maxRecords else { throw .tooManyRecords }
    var inference = SampleInference()
    for record in records {
      guard let members = record.members else { throw .notRecords }
      for member in members { inference.add(member) }
    }
    guard !inference.columns.isEmpty else { throw .noRecords }
    do {
      return try TableSchema(
        columns: inference.columns.map { column in
          // What was always null may become anything.
          ColumnDefinition(name: column.name, type: .scalar(column.types?.first ?? .json))
        })
    } catch {
      throw .schema(error)
    }
  }

  private mutating func add(_ member: JSONValue.Member) {
    let place: Int
    if let known = placeOfName[member.name] {
      place = known
    } else {
      // One more than a table can have is enough to refuse the sample.
      guard columns.count <= TableSchema.maxColumns else { return }
      place = columns.count
      placeOfName[member.name] = place
      columns.append(Column(name: member.name))
    }
    guard let types = Self.types(of: member.value) else { return }
    let before = columns[place].types
    let common = before.map { $0.filter(types.contains) } ?? types
    columns[place].types = common.isEmpty ? [.json] : common
  }

  /// The types that take a value, narrowest first; nil for null.
  private static func types(of value: JSONValue) -> [ScalarType]? {
    switch value {
    case .null: nil
    case .boolean: [.boolean]
    case .number(let text):
      text.utf8.allSatisfy { $0 == 0x2D || (0x30...0x39).contains($0) }
        ? taking(.integer, text, of: integerTypes) : taking(.real, text, of: [.double])
    case .string(let text): taking(.string, text, of: textTypes)
    case .array, .object: [.json]
    }
  }

  private static func taking(
    _ kind: ValueKind, _ value: String, of types: [ScalarType]
  ) -> [ScalarType] {
    var text = value
    return text.withUTF8 { utf8 in
      let bytes = UnsafeRawBufferPointer(utf8)
      let containsNUL = kind == .string && bytes.contains(0)
      return types.filter { $0.judge(kind, bytes, containsNUL: containsNUL) != .refused } + [.json]
    }
  }
}

/// What of a column's value decides in which partition a row is.
package enum PartitionTransform: Hashable, Sendable {
  case identity
  /// The parts of a date or an instant by themselves, as DuckLake has them: the day is that of the
  /// month, the hour that of the day; instants are cut in UTC.
  case year, month, day, hour
  /// The hash of the value, as Iceberg and DuckLake compute it, in so many buckets.
  case bucket(count: Int)

  package static let bucketCounts = 2...1_024

  /// As DuckLake and clients write it, without the number of buckets.
  package var name: String {
    switch self {
    case .identity: "identity"
    case .year: "year"
    case .month: "month"
    case .day: "day"
    case .hour: "hour"
    case .bucket: "bucket"
    }
  }

  /// As `ducklake_partition_column.transform` has it.
  package var duckLakeName: String {
    if case .bucket(let count) = self { "bucket(\(count))" } else { name }
  }

  package init?(duckLakeName text: String) {
    if text.hasPrefix("bucket("), text.hasSuffix(")") {
      guard let count = Int(text.dropFirst("bucket(".count).dropLast()), count > 0 else {
        return nil
      }
      self = .bucket(count: count)
      return
    }
    let simple: [PartitionTransform] = [.identity, .year, .month, .day, .hour]
    guard let found = simple.first(where: { $0.name == text }) else { return nil }
    self = found
  }

  /// Whether every reader computes the same of a value of the type.
  package func applies(to type: ColumnType) -> Bool {
    guard case .scalar(let scalar) = type else { return false }
    return switch self {
    case .identity: scalar.isPartitionValue
    case .year, .month, .day: scalar == .date || scalar.isInstant
    case .hour: scalar.isInstant
    case .bucket: scalar.isBucketed
    }
  }
}

extension ScalarType {
  fileprivate var isInstant: Bool {
    switch self {
    case .timestamp, .timestampS, .timestampMS, .timestampNS, .timestampTZ: true
    default: false
    }
  }

  /// Whether equal values have one text.
  fileprivate var isPartitionValue: Bool {
    switch self {
    case .float, .double, .blob, .json: false
    default: true
    }
  }

  fileprivate var isBucketed: Bool {
    switch self {
    case .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger, .varchar, .uuid,
      .date, .timestamp, .timestampTZ:
      true
    default: false
    }
  }
}

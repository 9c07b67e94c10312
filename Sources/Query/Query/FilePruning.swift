import Catalog
import Model
import WorkerProtocol

/// Leaves out the files of a table in which no row fulfils what a statement asks of it.
///
/// It goes by the bounds that the catalog keeps of a file's columns and by the buckets of its
/// partition, and only where both sides are of kinds that it compares exactly as the engine does. A
/// file of which too little is known stays.
package struct FilePruning {
  /// Fewer files are opened sooner than their bounds are looked up.
  package static let leastFiles = 4

  private struct Test {
    let columnID: Int64
    let type: ScalarType
    let comparison: ScanFilter.Comparison
    let keys: [ScanKey]
    /// Where in a partition's values the column's bucket stands, and how many buckets there are.
    let buckets: [(place: Int, count: Int)]
  }

  private let table: TableRecord
  private let tests: [Test]

  /// - Parameter timeZone: the session's, in which texts without an offset are read.
  package init(_ table: TableRecord, filters: [ScanFilter], timeZone: String) {
    self.table = table
    let name = table.name.lowercased()
    tests = filters.filter { $0.table.lowercased() == name }.compactMap { filter in
      let columns = table.definition.schema.columns
      guard
        let place = columns.firstIndex(where: {
          $0.name.lowercased() == filter.column.lowercased()
        }), case .scalar(let type) = columns[place].type
      else { return nil }
      let keys = filter.constants.compactMap {
        ScanKey($0, comparedWith: type, isUTC: timeZone == "UTC")
      }
      guard keys.count == filter.constants.count, !keys.isEmpty else { return nil }
      let buckets = table.definition.layout.partitioning.enumerated().compactMap {
        index, field -> (place: Int, count: Int)? in
        guard case .bucket(let count) = field.transform, field.column == columns[place].name else {
          return nil
        }
        return (index, count)
      }
      return Test(
        columnID: table.columnIDs[place], type: type, comparison: filter.comparison, keys: keys,
        buckets: buckets)
    }
  }

  package var isEmpty: Bool { tests.isEmpty }
  package var columnIDs: [Int64] { Array(Set(tests.map(\.columnID))).sorted() }

  package func keeps(_ file: DataFileRecord, _ statistics: [ColumnStatistics]) -> Bool {
    tests.allSatisfy { test in
      isInBucket(file, test) && isInBounds(file, statistics, test)
    }
  }

  private func isInBucket(_ file: DataFileRecord, _ test: Test) -> Bool {
    guard test.comparison == .isIn, let partition = file.partition,
      partition.partitioning == table.partitioningID
    else { return true }
    return test.buckets.allSatisfy { place, count in
      guard partition.values.indices.contains(place) else { return true }
      return test.keys.contains { key in
        guard let hash = key.bucketHash(test.type) else { return true }
        return partition.values[place] == String(Int(hash) % count)
      }
    }
  }

  /// Bounds of files that were written under an older schema version may be of another type.
  private func isInBounds(
    _ file: DataFileRecord, _ statistics: [ColumnStatistics], _ test: Test
  ) -> Bool {
    guard file.begin >= table.versionBegin,
      let known = statistics.first(where: { $0.columnID == test.columnID })
    else { return true }
    // All null, which no comparison is true of.
    if known.valueCount == 0, known.nullCount != nil { return false }
    guard let minimum = known.minimum.flatMap({ ScanKey(bound: $0, of: test.type) }),
      let maximum = known.maximum.flatMap({ ScanKey(bound: $0, of: test.type) })
    else { return true }
    return test.keys.contains { key in
      switch test.comparison {
      case .isIn: !(key < minimum) && !(maximum < key)
      case .isLess: minimum < key
      case .isLessOrEqual: !(key < minimum)
      case .isGreater: key < maximum
      case .isGreaterOrEqual: !(maximum < key)
      }
    }
  }
}

/// A value of a column's in the order that the engine gives it.
enum ScanKey: Equatable {
  case integer(Int128)
  case bytes([UInt8])
  /// Microseconds since 1970.
  case instant(Int64)

  /// - Returns: nil where the engine may read the constant in another way than it is read here.
  init?(_ constant: ScanConstant, comparedWith type: ScalarType, isUTC: Bool) {
    switch (type, constant) {
    case (_, .integer(let digits)) where type.isWholeNumber:
      guard let number = Int128(digits) else { return nil }
      self = .integer(number)
    case (.varchar, .text(let text)): self = .bytes(Array(text.utf8))
    case (.uuid, .text(let text)):
      guard Self.isCanonicalUUID(text) else { return nil }
      self = .bytes(Array(text.utf8))
    case (.date, .text(let text)), (.date, .typed(let text, "DATE")):
      self.init(day: text)
    case (.timestamp, .text(let text)), (.timestamp, .typed(let text, "TIMESTAMP")),
      (.date, .typed(let text, "TIMESTAMP")):
      self.init(local: text)
    case (.timestamp, .typed(let text, "DATE")): self.init(day: text)
    case (.timestampTZ, .typed(let text, "DATE")) where isUTC: self.init(day: text)
    case (.timestampTZ, .typed(let text, "TIMESTAMP")) where isUTC: self.init(local: text)
    case (.timestampTZ, .text(let text)), (.timestampTZ, .typed(let text, "TIMESTAMPTZ")):
      if let time = Timestamp(parsing: text) {
        self = .instant(time.microseconds)
      } else if isUTC {
        self.init(local: text)
      } else {
        return nil
      }
    default: return nil
    }
  }

  /// - Parameter text: as the catalog keeps it.
  init?(bound text: String, of type: ScalarType) {
    switch type {
    case _ where type.isWholeNumber:
      guard let number = Int128(text) else { return nil }
      self = .integer(number)
    case .varchar: self = .bytes(Array(text.utf8))
    case .uuid:
      guard Self.isCanonicalUUID(text) else { return nil }
      self = .bytes(Array(text.utf8))
    case .date: self.init(day: text)
    case .timestamp: self.init(local: text)
    case .timestampTZ:
      guard let time = Timestamp(parsing: text) else { return nil }
      self = .instant(time.microseconds)
    default: return nil
    }
  }

  /// `YYYY-MM-DD` and nothing else: the engine cuts more off, or reads it in its own way.
  private init?(day text: String) {
    guard text.utf8.count == 10, let time = Timestamp(parsing: text + "T00:00:00Z") else {
      return nil
    }
    self = .instant(time.microseconds)
  }

  /// A day, or a day and a time without an offset.
  private init?(local text: String) {
    if text.utf8.count == 10 {
      self.init(day: text)
      return
    }
    guard text.utf8.count >= 19, let time = Timestamp(parsing: text + "Z") else { return nil }
    self = .instant(time.microseconds)
  }

  private static func isCanonicalUUID(_ text: String) -> Bool {
    text.utf8.count == 36
      && text.utf8.enumerated().allSatisfy { place, byte in
        if [8, 13, 18, 23].contains(place) { return byte == UInt8(ascii: "-") }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      }
  }

  static func < (left: ScanKey, right: ScanKey) -> Bool {
    switch (left, right) {
    case (.integer(let left), .integer(let right)): left < right
    case (.instant(let left), .instant(let right)): left < right
    case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
    default: false
    }
  }

  /// What decides on the bucket of the value; nil for one that no row of the type has.
  func bucketHash(_ type: ScalarType) -> Int32? {
    switch self {
    case .integer(let number): Int64(exactly: number).map(BucketHash.hash)
    case .bytes(let bytes): bytes.withUnsafeBytes(BucketHash.hash)
    case .instant(let microseconds):
      switch type {
      case .date:
        microseconds % 86_400_000_000 == 0
          ? BucketHash.hash(microseconds / 86_400_000_000) : nil
      default: BucketHash.hash(microseconds)
      }
    }
  }
}

extension ScalarType {
  fileprivate var isWholeNumber: Bool {
    switch self {
    case .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger, .ubigint: true
    default: false
    }
  }
}

import Model

/// The partition that all rows of a data file are in.
package struct FilePartition: Hashable, Sendable {
  /// Of `ducklake_partition_info`: which partitioning the values belong to.
  package let partitioning: Int64
  /// One for each field in order, as DuckLake writes them; nil for the partition of nulls.
  package let values: [String?]

  package init(partitioning: Int64, values: [String?]) {
    self.partitioning = partitioning
    self.values = values
  }
}

extension FilePartition {
  /// Files that become one are of the same partition, and so is what they become.
  static func contradiction(_ inputs: [DataFileRecord], _ output: NewDataFile?) -> String? {
    let partitions = Set(inputs.map(\.partition))
    guard partitions.count <= 1, let output else {
      return partitions.count <= 1 ? nil : "files of several partitions as one"
    }
    return partitions.first == output.partition ? nil : "files of a partition leave it"
  }
}

/// Values of partitions as one text, in which both kinds of database can return them.
package enum PartitionText {
  /// - Parameter text: for each field its place, a colon, and the value in hexadecimal UTF-8 or `-`
  ///   for nil; in any order, with commas in between.
  /// - Returns: nil for a text that is not so.
  package static func values(_ text: String) -> [String?]? {
    var found: [Int: String?] = [:]
    let items = text.split(separator: ",")
    for item in items {
      let parts = item.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let place = Int(parts[0]) else { return nil }
      if parts[1] == "-" {
        found.updateValue(nil, forKey: place)
      } else {
        guard let bytes = bytes(parts[1]) else { return nil }
        found.updateValue(String(decoding: bytes, as: UTF8.self), forKey: place)
      }
    }
    guard found.count == items.count, Set(found.keys) == Set(0..<found.count) else { return nil }
    return (0..<found.count).map { found[$0] ?? nil }
  }

  private static func bytes(_ digits: Substring) -> [UInt8]? {
    guard digits.utf8.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var rest = digits
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}

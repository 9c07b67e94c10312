import Model
import SimdJSON

/// A layout that cannot be read, with what was expected of it.
package struct MalformedLayout: Error, Sendable {
  package let expected: String
}

extension TableLayout {
  /// Reads `partition_spec`: an array of objects with `column`, `transform` and, for buckets only,
  /// `buckets`.
  package static func partitioning(
    json: JSONValue
  ) throws(MalformedLayout) -> [PartitionField] {
    var fields: [PartitionField] = []
    for item in try items(of: json, members: ["column", "transform", "buckets"]) {
      let transform = try transform(item)
      fields.append(PartitionField(try column(item), transform))
    }
    return fields
  }

  /// Reads `sort_order`: an array of objects with `column`, and perhaps `direction` (`asc` or
  /// `desc`) and `nulls` (`first` or `last`).
  package static func sortOrder(json: JSONValue) throws(MalformedLayout) -> [SortField] {
    var fields: [SortField] = []
    for item in try items(of: json, members: ["column", "direction", "nulls"]) {
      let direction = try choice(item, "direction", of: ["asc", "desc"])
      let nulls = try choice(item, "nulls", of: ["first", "last"])
      fields.append(
        SortField(
          try column(item), isDescending: direction == "desc", putsNullsFirst: nulls == "first"))
    }
    return fields
  }

  /// Writes the members that the functions above read, and leaves out an order that is none.
  package func write(to writer: inout JSONWriter) {
    writer.name("partition_spec")
    writer.beginArray()
    for field in partitioning {
      writer.beginObject()
      writer.member("column", field.column)
      writer.member("transform", field.transform.name)
      if case .bucket(let count) = field.transform { writer.member("buckets", Int64(count)) }
      writer.endObject()
    }
    writer.endArray()
    guard !sortOrder.isEmpty else { return }
    writer.name("sort_order")
    writer.beginArray()
    for field in sortOrder {
      writer.beginObject()
      writer.member("column", field.column)
      writer.member("direction", field.isDescending ? "desc" : "asc")
      writer.member("nulls", field.putsNullsFirst ? "first" : "last")
      writer.endObject()
    }
    writer.endArray()
  }

  private static func items(
    of json: JSONValue, members known: Set<String>
  ) throws(MalformedLayout) -> [JSONValue] {
    guard let items = json.elements else {
      throw MalformedLayout(expected: "an array of objects with \"column\"")
    }
    for item in items {
      guard let members = item.members else {
        throw MalformedLayout(expected: "an array of objects with \"column\"")
      }
      for member in members where !known.contains(member.name) {
        throw MalformedLayout(
          expected: "objects of \(known.sorted().map { "\"\($0)\"" }.joined(separator: ", "))")
      }
    }
    return items
  }

  private static func column(_ item: JSONValue) throws(MalformedLayout) -> String {
    guard let name = item["column"]?.text else {
      throw MalformedLayout(expected: "items whose \"column\" is a string")
    }
    return name
  }

  private static func transform(_ item: JSONValue) throws(MalformedLayout) -> PartitionTransform {
    let name = try choice(
      item, "transform", of: ["identity", "year", "month", "day", "hour", "bucket"])
    guard name == "bucket" else {
      guard item["buckets"] == nil else {
        throw MalformedLayout(expected: "\"buckets\" with the transform bucket only")
      }
      return PartitionTransform(duckLakeName: name ?? "identity") ?? .identity
    }
    let range = PartitionTransform.bucketCounts
    guard let count = item["buckets"]?.integer.flatMap({ Int(exactly: $0) }),
      range.contains(count)
    else {
      throw MalformedLayout(
        expected: "\"buckets\" from \(range.lowerBound) to \(range.upperBound)")
    }
    return .bucket(count: count)
  }

  private static func choice(
    _ item: JSONValue, _ member: String, of choices: [String]
  ) throws(MalformedLayout) -> String? {
    guard let value = item[member] else { return nil }
    guard let text = value.text, choices.contains(text) else {
      throw MalformedLayout(expected: "\"\(member)\" \(choices.joined(separator: ", "))")
    }
    return text
  }
}

import Catalog
import HTTPServer
import Model
import SimdJSON

/// The body of `POST /v1/dead-letters/replay`.
struct ReplayOrder: Sendable {
  /// Which letters.
  let filter: DeadLetterFilter
  /// Named ones, in their order; nil when a filter chooses.
  let ids: [Int64]?
  /// At most so many.
  let limit: Int
  /// Payloads that take the place of a letter's own, by id.
  let payloads: [Int64: [UInt8]]
  let timeoutMs: Int

  private static let known: Set<String> = ["ids", "filter", "limit", "payloads", "timeout_ms"]
  private static let filters: Set<String> = ["table", "reason"]

  init(body: [UInt8], limits: Limits.Request) throws(APIError) {
    let fields = try RequestFields(body: body, known: Self.known)
    let most = limits.maximumPageSize
    timeoutMs = Int(
      try fields.integer(
        "timeout_ms", minimum: 0, maximum: Int64(limits.maximumVisibilityTimeoutMs))
        ?? Int64(limits.visibilityTimeoutMs))
    let bound = try fields.integer("limit", minimum: 1, maximum: Int64(most))
    if let value = fields["ids"] {
      guard fields["filter"] == nil, bound == nil else {
        throw .invalidField("ids", "without a filter and a limit")
      }
      let ids = try Self.ids(value, most: most)
      self.ids = ids
      filter = DeadLetterFilter(ids: ids)
      limit = ids.count
    } else {
      guard let value = fields["filter"], let bound else {
        throw .invalidField("ids", "an array of dead letter ids, or \"filter\" and \"limit\" given")
      }
      filter = try Self.filter(value)
      ids = nil
      limit = Int(bound)
    }
    payloads = try Self.payloads(fields["payloads"], of: Set(ids ?? []))
  }

  private static func ids(_ value: JSONValue, most: Int) throws(APIError) -> [Int64] {
    guard let elements = value.elements, !elements.isEmpty else {
      throw .invalidField("ids", "an array of dead letter ids")
    }
    guard elements.count <= most else { throw .limitExceeded("ids", maximum: most) }
    var ids: [Int64] = []
    var seen: Set<Int64> = []
    for element in elements {
      guard let id = element.integer else {
        throw .invalidField("ids", "an array of dead letter ids")
      }
      if seen.insert(id).inserted { ids.append(id) }
    }
    return ids
  }

  private static func filter(_ value: JSONValue) throws(APIError) -> DeadLetterFilter {
    guard let members = value.members else { throw .invalidField("filter", "an object") }
    var filter = DeadLetterFilter()
    for member in members {
      guard filters.contains(member.name) else {
        throw .unknownField(member.name, known: filters)
      }
      guard member.value != .null else { continue }
      guard let text = member.value.text else { throw .invalidField(member.name, "a string") }
      if member.name == "table" { filter.tableName = text } else { filter.reason = text }
    }
    return filter
  }

  private static func payloads(
    _ value: JSONValue?, of ids: Set<Int64>
  ) throws(APIError) -> [Int64: [UInt8]] {
    guard let value else { return [:] }
    guard let members = value.members else {
      throw .invalidField("payloads", "an object with a payload for each id")
    }
    var payloads: [Int64: [UInt8]] = [:]
    for member in members {
      guard let id = Int64(member.name), ids.contains(id) else {
        throw .invalidField("payloads", "an object whose names are among \"ids\"")
      }
      guard member.value.members != nil else {
        throw .invalidField("payloads", "an object of objects")
      }
      var writer = JSONWriter()
      writer.value(member.value)
      payloads[id] = writer.bytes
    }
    return payloads
  }
}

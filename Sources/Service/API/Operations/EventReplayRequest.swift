import Catalog
import IngestBus
import Model

/// The body of `POST /v1/replays`.
struct EventReplayRequest: Sendable {
  /// One end of the range: a token, or an instant.
  enum Bound: Sendable {
    case token(VisibilityToken)
    case time(Timestamp)
  }

  let sourceName: String
  let isSourceDropped: Bool
  let targetName: String
  let from: Bound
  /// Nil for all events that there are.
  let to: Bound?
  let series: String
  let allowsRows: Bool

  private static let seriesBytes = 64
  private static let known: Set<String> = [
    "source_table", "source_dropped", "target_table", "from_token", "from_time", "to_token",
    "to_time", "series", "into_existing_rows",
  ]

  init(body: [UInt8]) throws(APIError) {
    let fields = try RequestFields(body: body, known: Self.known)
    guard let source = try fields.text("source_table") else {
      throw .invalidField("source_table", "the name of a table")
    }
    sourceName = source
    isSourceDropped = try fields.boolean("source_dropped") ?? false
    targetName = try fields.text("target_table") ?? source
    guard let from = try Self.bound(fields, "from") else {
      throw .invalidField("from_token", "given, or \"from_time\"")
    }
    self.from = from
    to = try Self.bound(fields, "to")
    series = try fields.text("series") ?? ""
    guard series.utf8.count <= Self.seriesBytes, !series.utf8.contains(0) else {
      throw .invalidField("series", "a text of at most \(Self.seriesBytes) bytes without NUL")
    }
    allowsRows = try fields.boolean("into_existing_rows") ?? false
  }

  private static func bound(
    _ fields: RequestFields, _ name: String
  ) throws(APIError) -> Bound? {
    let token = try fields.integer("\(name)_token", minimum: 1, maximum: .max)
    let text = try fields.text("\(name)_time")
    switch (token, text) {
    case (nil, nil): return nil
    case (let token?, nil): return .token(VisibilityToken(token))
    case (nil, let text?):
      guard let time = Timestamp(parsing: text) else {
        throw .invalidField("\(name)_time", "a time such as 2026-01-31T12:00:00Z")
      }
      return .time(time)
    default: throw .invalidField("\(name)_time", "left out where \"\(name)_token\" is given")
    }
  }
}

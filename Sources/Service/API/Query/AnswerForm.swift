import HTTPServer
import WorkerProtocol

/// The form that a client wants its answer in: what `Accept` and `Accept-Encoding` say.
struct AnswerForm: Equatable {
  let format: AnswerFormat
  let coding: ContentCoding

  init(_ headers: HTTPHeaders) throws(APIError) {
    format = try Self.format(headers["Accept"])
    // Several fields of one name are one list.
    let codings = headers.values(of: "Accept-Encoding")
    let list = codings.isEmpty ? nil : codings.joined(separator: ",")
    guard let coding = ContentCoding.chosen(by: list, compresses: format.isText) else {
      throw APIError(
        406, "NOT_ACCEPTABLE",
        "answers are coded as gzip, zstd or not at all; Arrow and Parquet go as they are")
    }
    self.coding = coding
  }

  /// The heaviest form, of equals the first of the header.
  private static func format(_ header: String?) throws(APIError) -> AnswerFormat {
    guard let header, header.contains(where: { $0 != " " }) else { return .jsonRows }
    let list = WeightedList(header)
    var best: (format: AnswerFormat, weight: Int)?
    for item in list.items where item.weight > best?.weight ?? 0 {
      let format = AnswerFormat.allCases.first { format in
        format.matches(item.name) && list.weight(of: format.mediaType) != 0
      }
      if let format { best = (format, item.weight) }
    }
    guard let best else {
      throw APIError(
        406, "NOT_ACCEPTABLE",
        "answers are " + AnswerFormat.allCases.map(\.mediaType).joined(separator: ", "))
    }
    return best.format
  }
}

extension AnswerFormat {
  var mediaType: String {
    switch self {
    case .jsonRows: "application/json"
    case .ndjson: "application/x-ndjson"
    case .csv: "text/csv"
    case .arrow: "application/vnd.apache.arrow.stream"
    case .parquet: "application/vnd.apache.parquet"
    }
  }

  /// Whether compressing it is worth while; the others are compact by themselves.
  var isText: Bool {
    switch self {
    case .jsonRows, .ndjson, .csv: true
    case .arrow, .parquet: false
    }
  }

  /// - Parameter range: such as `text/csv`, `text/*` or `*/*`.
  fileprivate func matches(_ range: String) -> Bool {
    if range == mediaType || range == "*/*" { return true }
    return range.hasSuffix("/*") && mediaType.hasPrefix(range.dropLast())
  }
}

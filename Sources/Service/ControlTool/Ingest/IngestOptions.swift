/// The checked options of `ingest`.
struct IngestOptions: Sendable {
  enum Format: String, CaseIterable {
    case csv
    case ndjson
  }

  enum OnError: String, CaseIterable {
    case stop
    case deadLetter = "dead_letter"
  }

  let table: String
  let path: String
  let format: Format
  let header: CSVHeader.Options
  let nulls: NullSpelling
  let keyColumns: [String]
  let creates: Bool
  let concurrency: Int
  let isQuiet: Bool
  /// Whether the whole file is one batch.
  let isBulk: Bool
  let batch: BatchBuilder.Options
  let policy: RetryPolicy
  let timeoutMs: Int
  /// How long to wait at the end until all rows can be queried; nil for not at all.
  let finalWaitMs: Int?

  /// The server's own wait for visibility comes on top of what a request may take.
  var requestTimeoutMs: Int {
    timeoutMs + (batch.waitsForVisibility ? batch.visibilityTimeoutMs ?? 5_000 : 0)
  }

  /// - Throws: `usage`.
  init(_ arguments: ParsedArguments) throws(ToolFailure) {
    table = arguments.positionals[0]
    path = arguments.positionals[1]
    format = try arguments.choice("--format", default: Self.format(of: path))
    header = try Self.header(arguments)
    nulls = NullSpelling(arguments.all("--null"))
    keyColumns = (arguments.text("--key") ?? "").split(separator: ",")
      .map { String($0).trimmedOfSpaces() }
    creates = arguments.has("--create")
    concurrency = try arguments.integer("--concurrency", in: 1...64, default: 8)
    isQuiet = arguments.has("--quiet")
    isBulk = arguments.has("--bulk")
    timeoutMs = try arguments.integer(
      "--timeout-ms", in: 1...3_600_000, default: isBulk ? 3_600_000 : 60_000)
    var batch = BatchBuilder.Options()
    batch.maximumRecords = try arguments.integer("--batch", in: 1...10_000, default: 1_000)
    batch.waitsForVisibility = arguments.has("--wait")
    batch.visibilityTimeoutMs = try arguments.integer("--visibility-timeout-ms", in: 1...600_000)
    finalWaitMs =
      batch.waitsForVisibility || arguments.has("--no-final-wait")
      ? nil : batch.visibilityTimeoutMs ?? 60_000
    if !batch.waitsForVisibility { batch.visibilityTimeoutMs = nil }
    batch.passesBadRecordsOn =
      try arguments.choice("--on-error", default: OnError.stop) == .deadLetter
    self.batch = batch
    var policy = RetryPolicy()
    policy.maximumAttempts = try arguments.integer("--retries", in: 0...1_000, default: 9) + 1
    self.policy = policy
    if isBulk {
      for option in [
        "--create", "--null", "--key", "--format", "--delimiter", "--columns", "--no-header",
        "--batch", "--concurrency",
      ] where arguments.has(option) || arguments.text(option) != nil {
        throw .usage("--bulk and \(option) exclude each other", command: "ingest")
      }
      guard path != "-" else { throw .usage("--bulk needs a file", command: "ingest") }
      return
    }
    if path == "-", keyColumns.isEmpty {
      throw .usage(
        "standard input needs --key: without a file there is nothing to make keys from",
        command: "ingest")
    }
    if creates, format != .csv || path == "-" {
      throw .usage("--create reads the columns from a CSV file", command: "ingest")
    }
    if arguments.has("--no-final-wait"), batch.waitsForVisibility {
      throw .usage("--wait and --no-final-wait exclude each other", command: "ingest")
    }
    if arguments.has("--no-final-wait"), arguments.has("--visibility-timeout-ms") {
      throw .usage(
        "--visibility-timeout-ms and --no-final-wait exclude each other", command: "ingest")
    }
  }

  /// By the name, `.gz` left out of account; CSV when that does not tell.
  static func format(of path: String) -> Format {
    var name = path.lowercased()
    if name.hasSuffix(".gz") { name.removeLast(3) }
    let endings = [".ndjson", ".jsonl", ".json"]
    return endings.contains(where: name.hasSuffix) ? .ndjson : .csv
  }

  private static func header(_ arguments: ParsedArguments) throws(ToolFailure) -> CSVHeader.Options
  {
    var header = CSVHeader.Options()
    if let text = arguments.text("--delimiter") {
      let bytes = Array((text == "\\t" ? "\t" : text).utf8)
      guard bytes.count == 1, bytes[0] < 0x80, ![0x22, 0x0A, 0x0D].contains(bytes[0]) else {
        throw .usage("--delimiter takes one character, or \\t", command: "ingest")
      }
      header.delimiter = bytes[0]
    }
    header.names = arguments.text("--columns").map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
        .map { String($0).trimmedOfSpaces() }
    }
    header.isAbsent = arguments.has("--no-header")
    if header.isAbsent, header.names == nil {
      throw .usage("--no-header needs --columns", command: "ingest")
    }
    return header
  }
}

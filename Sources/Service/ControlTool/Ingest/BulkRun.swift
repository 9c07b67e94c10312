import Digest
import Glibc
import HTTPClient

/// One run of `ingest --bulk`: the whole file is one batch under one key, sent as it is.
struct BulkRun {
  private static let mediaTypes: [(ending: String, type: String)] = [
    (".ndjson", "application/x-ndjson"), (".jsonl", "application/x-ndjson"),
    (".json", "application/x-ndjson"), (".csv", "text/csv"),
    (".parquet", "application/vnd.apache.parquet"),
    (".arrow", "application/vnd.apache.arrow.stream"),
    (".arrows", "application/vnd.apache.arrow.stream"),
  ]
  private static let encodings: [(ending: String, name: String)] = [
    (".gz", "gzip"), (".zst", "zstd"),
  ]
  private static let longestWaitMs = 60_000

  private let options: IngestOptions
  private let console: Console
  private let stop: StopSignal
  private let connection: ServerConnection

  init(_ options: IngestOptions, _ invocation: Invocation) throws(ToolFailure) {
    self.options = options
    console = invocation.console
    stop = invocation.stop
    connection = try invocation.connection(connections: 1)
  }

  /// What the file's name says of its bytes; nil where it says nothing.
  static func content(of path: String) -> (type: String, encoding: String?)? {
    var name = path.lowercased()
    var encoding: String?
    for known in encodings where name.hasSuffix(known.ending) {
      name.removeLast(known.ending.count)
      encoding = known.name
    }
    return mediaTypes.first { name.hasSuffix($0.ending) }.map { ($0.type, encoding) }
  }

  func run() throws(ToolFailure) -> ExitCode {
    guard let content = Self.content(of: options.path) else {
      throw .usage(
        "--bulk knows a file by its name: .ndjson, .csv, .parquet or .arrow, also with .gz or .zst",
        command: "ingest")
    }
    let key = try digest()
    let started = ContinuousClock.now
    let sender = BatchSender(
      connection: connection, table: options.table, policy: options.policy,
      timeoutMs: options.timeoutMs, stop: stop)
    stop.onStop { [client = connection.client] _ in client.close() }
    let receipt: IngestReceipt
    do {
      receipt = try sender.deliver(request(content, key: key)).receipt
    } catch {
      guard case .refused(let refusal) = error, refusal.errorCode == "CONSISTENCY_TIMEOUT" else {
        if let reason = stop.reason { throw .interrupted(by: reason) }
        throw error
      }
      let token = refusal.context?["requested_token"]?.integer.map { " --min-token \($0)" } ?? ""
      console.note(
        "note: all rows are durable on the server, but could not be queried yet when the wait ran"
          + " out; a query\(token.isEmpty ? "" : " with" + token) waits for them")
      return .done
    }
    try console.say(summary(receipt, seconds: started.duration(to: .now) / .seconds(1)))
    return receipt.deadLetterCount > 0 ? .partial : .done
  }

  private func request(
    _ content: (type: String, encoding: String?), key: String
  ) -> ClientRequest {
    var parameters: [String] = []
    if let waitMs = options.batch.waitsForVisibility ? Self.longestWaitMs : options.finalWaitMs {
      parameters.append("wait_for_visibility=true")
      parameters.append("visibility_timeout_ms=\(min(waitMs, Self.longestWaitMs))")
    }
    if options.batch.passesBadRecordsOn { parameters.append("on_error=dead_letter") }
    let query = parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&")
    var request = connection.request(
      "POST", "/v1/ingest/" + ServerConnection.encoded(options.table) + query,
      timeoutMs: options.timeoutMs)
    request.headers.append(("Content-Type", content.type))
    if let encoding = content.encoding { request.headers.append(("Content-Encoding", encoding)) }
    request.headers.append(("Idempotency-Key", "file-" + key))
    request.bodyPath = options.path
    return request
  }

  /// The file's own digest is its key: whoever loads it again loads nothing twice.
  private func digest() throws(ToolFailure) -> String {
    guard let file = fopen(options.path, "re") else {
      throw .unreadableInput(name: options.path, reason: String(cString: strerror(errno)))
    }
    defer { fclose(file) }
    var hasher = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      if let reason = stop.reason { throw .interrupted(by: reason) }
    }
    guard ferror(file) == 0 else {
      throw .unreadableInput(name: options.path, reason: "it cannot be read")
    }
    return hasher.finish().hexadecimal
  }

  private func summary(_ receipt: IngestReceipt, seconds: Double) -> String {
    let rows = receipt.accepted + receipt.duplicates
    var lines = [
      "rows           \(rows)", "accepted       \(receipt.accepted)",
      "duplicates     \(receipt.duplicates)",
    ]
    if receipt.deadLetterCount > 0 {
      lines.append("dead-lettered  \(receipt.deadLetterCount) of the accepted")
    }
    if let token = receipt.token { lines.append("highest token  \(token)") }
    if let snapshot = receipt.snapshot { lines.append("visible        in snapshot \(snapshot)") }
    lines.append("seconds        \(IngestReport.decimal(seconds))")
    lines.append("rows/s         \(seconds > 0 ? Int(Double(rows) / seconds) : 0)")
    return lines.joined(separator: "\n") + "\n"
  }
}

/// Gathers records until a request is full by count or by bytes.
package struct BatchBuilder {
  package struct Options: Sendable {
    package var maximumRecords = 1_000
    /// A request is sent once it is this large; the server's own limit for a body is far above.
    package var maximumBytes = 4 * 1_048_576
    package var waitsForVisibility = false
    package var visibilityTimeoutMs: Int?
    package var passesBadRecordsOn = false

    package init() {}
  }

  private let options: Options
  private var body: [UInt8] = []
  private var lines: [Int] = []

  package init(_ options: Options) {
    self.options = options
  }

  package var recordCount: Int { lines.count }

  package var isFull: Bool {
    lines.count >= options.maximumRecords || body.count >= options.maximumBytes
  }

  /// Adds a record; when `payload` throws nothing is added.
  ///
  /// - Parameters:
  ///   - line: where the record starts in the input.
  ///   - key: UTF-8, not yet quoted.
  ///   - payload: appends one JSON object.
  package mutating func append<Failure>(
    line: Int, key: [UInt8], payload: (inout [UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    let start = body.count
    if lines.isEmpty {
      body.reserveCapacity(options.maximumBytes / 8)
      body += "{\"records\":[".utf8
    } else {
      body.append(0x2C)
    }
    body += "{\"idempotency_key\":".utf8
    key.withUnsafeBufferPointer { JSONString.append($0, to: &body) }
    body += ",\"op\":\"insert\",\"payload\":".utf8
    do throws(Failure) {
      try payload(&body)
    } catch {
      body.removeSubrange(start...)
      throw error
    }
    body.append(0x7D)
    lines.append(line)
  }

  /// The gathered records as a request; the builder is empty afterwards.
  package mutating func finish(consumedByteCount: Int) -> Batch {
    body.append(0x5D)
    if options.waitsForVisibility { body += ",\"wait_for_visibility\":true".utf8 }
    if let timeoutMs = options.visibilityTimeoutMs {
      body += ",\"visibility_timeout_ms\":\(timeoutMs)".utf8
    }
    if options.passesBadRecordsOn { body += ",\"on_error\":\"dead_letter\"".utf8 }
    body.append(0x7D)
    let batch = Batch(body: body, lines: lines, consumedByteCount: consumedByteCount)
    body = []
    lines = []
    return batch
  }
}

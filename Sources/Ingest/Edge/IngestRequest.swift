import Model
import SimdJSON

/// A checked ingest request.
///
/// Keys are looked up before violations count: the retry of an accepted record is answered by its
/// first receipt even if the schema no longer takes it. So violations stand beside the records,
/// and the caller decides.
package struct IngestRequest: Sendable {
  package enum ErrorHandling: Sendable, Equatable {
    case reject
    case deadLetter
  }

  package let records: [IngestRecord]
  /// In the order of records: all of them up to the limit, at least the first of each bad record.
  package let violations: [SchemaViolation]
  /// How many violations there are, listed or not.
  package let violationCount: Int
  package let waitForVisibility: Bool
  package let visibilityTimeoutMs: Int?
  package let onError: ErrorHandling
  let body: [UInt8]
  let rewritten: [UInt8]

  init(body: [UInt8], read: IngestRequestReader.Output) {
    self.body = body
    records = read.records
    violations = read.payloads.violations
    violationCount = read.payloads.violationCount
    waitForVisibility = read.waitForVisibility
    visibilityTimeoutMs = read.visibilityTimeoutMs
    onError = read.onError
    rewritten = read.payloads.rewritten
  }

  /// The payload that the materialiser takes; of an invalid record the payload as it was sent.
  package func payload(of record: IngestRecord) -> ArraySlice<UInt8> {
    switch record.payload.source {
    case .body, .escapedBody: body[record.payload.indices]
    case .rewritten: rewritten[record.payload.indices]
    }
  }

  /// The client's key, UTF-8 without U+0000.
  package func idempotencyKey(of record: IngestRecord) -> [UInt8] {
    let text = body[record.key.indices]
    guard record.key.source == .escapedBody else { return Array(text) }
    return text.withUnsafeBytes { Array(JSONText.unescaped($0).utf8) }
  }

  /// The listed violations of one record.
  package func violations(ofRecord index: Int) -> [SchemaViolation] {
    violations.filter { $0.recordIndex == index }
  }
}

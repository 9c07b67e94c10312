import Model
import SimdJSON

extension IngestRequest {
  private static let parsers = JSONParserPool()

  /// Reads and checks a request's body: every byte is validated, every record hashed.
  ///
  /// - Throws: `EdgeError` for what is wrong whatever the schema says; values that the schema
  ///   refuses are in `violations`.
  package init(
    parsing body: [UInt8], for table: IngestTable, limits: IngestLimits = IngestLimits()
  ) throws(EdgeError) {
    let parsers = limits.json == JSONLimits() ? Self.parsers : JSONParserPool(limits: limits.json)
    let result: Result<IngestRequestReader.Output, EdgeError> = body.withUnsafeBytes { text in
      parsers.withTokens(of: text) { parsed in
        parsed.mapError { EdgeError($0, limits: limits) }.flatMap { tokens in
          Result { () throws(EdgeError) in
            var reader = IngestRequestReader(tokens: tokens, table: table, limits: limits)
            return try reader.read()
          }
        }
      }
    }
    let output = try result.get()
    records = output.records
    violations = output.payloads.violations
    violationCount = output.payloads.violationCount
    waitForVisibility = output.waitForVisibility
    visibilityTimeoutMs = output.visibilityTimeoutMs
    onError = output.onError
    rewritten = output.payloads.rewritten
    self.body = body
  }
}

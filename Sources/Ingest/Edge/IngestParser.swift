import Model
import SimdJSON

/// Reads and checks the bodies of ingest requests; one serves all threads.
package final class IngestParser: Sendable {
  package let limits: IngestLimits
  private let parsers: JSONParserPool

  package init(limits: IngestLimits = IngestLimits()) {
    self.limits = limits
    parsers = JSONParserPool(limits: limits.json)
  }

  /// Validates every byte of a body, holds every value against the table's schema and hashes
  /// every record.
  ///
  /// - Throws: `EdgeError` for what is wrong whatever the schema says; values that the schema
  ///   refuses are in the request's `violations`.
  package func parse(
    _ body: [UInt8], for table: IngestTable
  ) throws(EdgeError) -> IngestRequest {
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
    return IngestRequest(body: body, read: try result.get())
  }
}

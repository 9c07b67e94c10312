import Synchronization

/// Parsers that wait for the next text, so that none is made per request.
package final class JSONParserPool: Sendable {
  /// Idle parsers kept; more texts than that may be read at once.
  private static let maxIdleParsers = 32
  /// A parser that a large text has made larger than this is not kept.
  private static let maxRetainedBytes = 8 << 20

  private let limits: JSONLimits
  private let idle = Mutex<[ParserBox]>([])

  package init(limits: JSONLimits = JSONLimits()) { self.limits = limits }

  /// Parses a text with a parser of the pool and lends its tokens, or the reason for none.
  package func withTokens<R, E: Error>(
    of text: UnsafeRawBufferPointer,
    _ body: (Result<JSONTokens, JSONSyntaxError>) throws(E) -> R
  ) throws(E) -> R {
    let box = idle.withLock { $0.popLast() } ?? ParserBox(limits)
    defer {
      if box.parser.retainedBytes <= Self.maxRetainedBytes {
        idle.withLock { if $0.count < Self.maxIdleParsers { $0.append(box) } }
      }
    }
    return try box.parser.withTokens(of: text, body)
  }
}

// Sendable: a box is either in the pool or with the one call that took it out.
private final class ParserBox: @unchecked Sendable {
  var parser: JSONParser
  init(_ limits: JSONLimits) { parser = JSONParser(limits: limits) }
}

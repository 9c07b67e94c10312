import Synchronization

/// Parsers that wait for the next text, so that none is made per request.
@usableFromInline package final class JSONParserPool: Sendable {
  /// Idle parsers kept; more texts than that may be read at once.
  private static let maxIdleParsers = 16
  /// A parser that a large text has made larger than this is not kept.
  private static let maxRetainedBytes = 4 << 20

  private let limits: JSONLimits
  private let idle = Mutex<[PooledParser]>([])

  package init(limits: JSONLimits = JSONLimits()) { self.limits = limits }

  /// Parses a text with a parser of the pool and lends its tokens, or the reason for none.
  @inlinable package func withTokens<R, E: Error>(
    of text: UnsafeRawBufferPointer,
    _ body: (Result<JSONTokens, JSONSyntaxError>) throws(E) -> R
  ) throws(E) -> R {
    let parser = take()
    defer { give(back: parser) }
    return try body(parser.parse(text))
  }

  @usableFromInline func take() -> PooledParser {
    idle.withLock { $0.popLast() } ?? PooledParser(limits)
  }

  @usableFromInline func give(back parser: PooledParser) {
    guard parser.retainedBytes <= Self.maxRetainedBytes else { return }
    idle.withLock { if $0.count < Self.maxIdleParsers { $0.append(parser) } }
  }
}

// Sendable: a parser is either in the pool or with the one call that took it out.
@usableFromInline final class PooledParser: @unchecked Sendable {
  private var parser: JSONParser

  init(_ limits: JSONLimits) { parser = JSONParser(limits: limits) }

  var retainedBytes: Int { parser.retainedBytes }

  @usableFromInline
  func parse(_ text: UnsafeRawBufferPointer) -> Result<JSONTokens, JSONSyntaxError> {
    parser.parse(text)
  }
}

import Runtime

/// Writes log lines as JSON objects, one a line.
///
/// Every line has `timestamp` (RFC 3339, UTC, milliseconds), `level`, `service`, `message`,
/// `tenant_id`, `trace_id` and `error_code`; those that do not apply are empty strings, so that
/// readers can rely on the columns. Data stands in keyed fields (`LogKey`), never in the message,
/// which is a literal: lower case, without a full stop.
package struct Logger: Sendable {
  private let writer: LogWriter
  private let minimumLevel: LogLevel
  private let service: String
  private let wallClock: any WallClock
  private var tenantId = ""
  private var traceId = ""

  private init(
    writer: LogWriter, minimumLevel: LogLevel, service: String, wallClock: any WallClock
  ) {
    self.writer = writer
    self.minimumLevel = minimumLevel
    self.service = service
    self.wallClock = wallClock
  }

  /// A logger with a writer of its own.
  ///
  /// - Parameters:
  ///   - service: the program's part, such as `duckmesh` or `duckmesh-query-worker`.
  ///   - descriptor: where lines go; the standard error unless a test says otherwise.
  /// - Throws: `ThreadStartError` when the system has no thread for the writer.
  package static func start(
    service: String, minimumLevel: LogLevel, descriptor: Int32 = 2,
    wallClock: any WallClock = SystemWallClock()
  ) throws(ThreadStartError) -> Logger {
    let writer = try LogWriter(descriptor: descriptor) { droppedLines in
      var line = LogLine()
      line.addHeader(
        timestamp: wallClock.nowMicroseconds, level: .warning, service: service,
        message: "log lines dropped", tenantId: "", traceId: "", errorCode: "")
      line.add(LogKey.droppedLines.rawValue, LogValue(droppedLines))
      return line.finish()
    }
    return Logger(
      writer: writer, minimumLevel: minimumLevel, service: service, wallClock: wallClock)
  }

  /// The same logger, whose lines name this tenant and trace.
  package func with(tenantId: String? = nil, traceId: String? = nil) -> Logger {
    var logger = self
    logger.tenantId = tenantId ?? self.tenantId
    logger.traceId = traceId ?? self.traceId
    return logger
  }

  /// Whether lines of this level are written: for work that only a log line needs.
  package func isEnabled(_ level: LogLevel) -> Bool {
    level >= minimumLevel
  }

  package func debug(_ message: StaticString, _ fields: KeyValuePairs<LogKey, LogValue> = [:]) {
    write(.debug, message, errorCode: "", fields)
  }

  package func info(_ message: StaticString, _ fields: KeyValuePairs<LogKey, LogValue> = [:]) {
    write(.info, message, errorCode: "", fields)
  }

  package func warning(
    _ message: StaticString, errorCode: String = "",
    _ fields: KeyValuePairs<LogKey, LogValue> = [:]
  ) {
    write(.warning, message, errorCode: errorCode, fields)
  }

  package func error(
    _ message: StaticString, errorCode: String, _ fields: KeyValuePairs<LogKey, LogValue> = [:]
  ) {
    write(.error, message, errorCode: errorCode, fields)
  }

  /// How many lines were dropped because their reader was too slow.
  package var droppedLines: Int { writer.droppedLines }

  /// Blocks until what was logged is written, at most for the time given. Only for the end of the
  /// program: a task must not block.
  package func flush(timeoutMs: Int = 1_000) -> Bool {
    writer.flush(timeoutMs: timeoutMs)
  }

  private func write(
    _ level: LogLevel, _ message: StaticString, errorCode: String,
    _ fields: KeyValuePairs<LogKey, LogValue>
  ) {
    guard level >= minimumLevel else { return }
    var line = LogLine()
    line.addHeader(
      timestamp: wallClock.nowMicroseconds, level: level, service: service,
      message: message.description, tenantId: tenantId, traceId: traceId, errorCode: errorCode)
    for (key, value) in fields {
      line.add(key.rawValue, value)
    }
    writer.write(line.finish())
  }
}

extension LogLine {
  fileprivate mutating func addHeader(
    timestamp: Int64, level: LogLevel, service: String, message: String, tenantId: String,
    traceId: String, errorCode: String
  ) {
    add(timestamp: timestamp)
    add("level", level.rawValue)
    add("service", service)
    add("message", message)
    add("tenant_id", tenantId)
    add("trace_id", traceId)
    add("error_code", errorCode)
  }
}

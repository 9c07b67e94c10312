import CPostgreSQL
import Glibc
import Runtime

extension Connection {
  private static let oldestServerVersion: Int32 = 140_000

  /// Whether libpq can read the text; its own complaint may repeat a password and is dropped.
  static func isReadable(_ connection: String) -> Bool {
    var message: UnsafeMutablePointer<CChar>?
    let parsed = PQconninfoParse(connection, &message)
    PQconninfoFree(parsed)
    PQfreemem(message)
    return parsed != nil
  }

  /// Connects, sets the session up and checks that the server keeps what it acknowledges.
  ///
  /// - Throws: `unavailable`, and `refused` where waiting will not help: wrong credentials, no such
  ///   database, a version, encoding or setting that we do not accept.
  static func connect(
    _ options: ConnectionOptions
  ) throws(PostgreSQLError) -> Connection {
    let deadline = SystemMonotonicClock().now.advanced(byMs: options.connectTimeoutMs)
    let notices = ConnectionNotices()
    guard let handle = start(options) else {
      throw .unavailable(reason: "no memory for a connection")
    }
    notices.attach(to: handle)
    // Of an error while connecting libpq gives a text alone: this makes it the code alone.
    PQsetErrorVerbosity(handle, PQERRORS_SQLSTATE)
    do {
      try establish(handle, until: deadline)
    } catch {
      finish(handle)
      throw error
    }
    let connection = Connection(
      handle: handle, notices: notices,
      maximumPreparedStatements: options.maximumPreparedStatements)
    guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
      throw .unavailable(reason: "the connection broke while it was made")
    }
    try connection.checkVersion()
    try connection.setUp(options.settings, until: deadline)
    return connection
  }

  // MARK: Establishing

  private static func start(_ options: ConnectionOptions) -> OpaquePointer? {
    // Of a keyword that comes twice the last one counts: first what the administrator may
    // change in the connection string, then the string itself, then what is ours.
    let parameters = [
      ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("gssencmode", "disable"),
      ("dbname", options.connection),
      ("application_name", options.applicationName), ("client_encoding", "UTF8"),
    ]
    var keywords: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.0)) }
    var values: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.1)) }
    defer {
      for text in keywords + values { free(UnsafeMutablePointer(mutating: text)) }
    }
    keywords.append(nil)
    values.append(nil)
    return PQconnectStartParams(keywords, values, 1)
  }

  private static func establish(
    _ handle: OpaquePointer, until deadline: MonotonicInstant
  ) throws(PostgreSQLError) {
    guard PQstatus(handle) != CONNECTION_BAD else { throw failure(of: handle) }
    var state = PGRES_POLLING_WRITING
    while true {
      switch state {
      case PGRES_POLLING_OK: return
      case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
        let wanted = Int16(state == PGRES_POLLING_READING ? POLLIN : POLLOUT)
        guard wait(PQsocket(handle), wanted, until: deadline) != 0 else {
          throw .unavailable(reason: "no connection in time")
        }
      default: throw failure(of: handle)
      }
      state = PQconnectPoll(handle)
    }
  }

  /// Why a connection could not be made, by the code at the end of libpq's text if there is one.
  private static func failure(of handle: OpaquePointer) -> PostgreSQLError {
    let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
    guard let sqlState = sqlState(endOf: text) else {
      return .unavailable(reason: "no connection could be made (network, name or certificate)")
    }
    // Invalid authorization and no such database; anything else may pass, such as a server that
    // starts or has no connection free.
    if sqlState.hasPrefix("28") || sqlState.hasPrefix("3D") || sqlState.hasPrefix("42") {
      return .refused(sqlState: sqlState, message: "the server does not accept the connection")
    }
    return .unavailable(reason: "the server accepts no connection now (\(sqlState))")
  }

  private static func sqlState(endOf text: String) -> String? {
    let word = text.utf8.reversed().drop { $0 == 0x0A || $0 == 0x20 }.prefix { $0 != 0x20 }
    let isCode =
      word.count == 5
      && word.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
    return isCode ? String(decoding: word.reversed(), as: UTF8.self) : nil
  }

  // MARK: Setting up

  private func checkVersion() throws(PostgreSQLError) {
    let version = PQserverVersion(handle)
    guard version >= Self.oldestServerVersion else {
      throw .refused(
        sqlState: SQLState.featureNotSupported,
        message: "the server's version is \(version), and at least 140000 is needed")
    }
    let encoding = PQparameterStatus(handle, "server_encoding").map { String(cString: $0) }
    guard encoding == "UTF8" else {
      throw .refused(
        sqlState: SQLState.featureNotSupported, message: "the database's encoding is not UTF8")
    }
  }

  private func setUp(
    _ settings: [(name: String, value: String)], until deadline: MonotonicInstant
  ) throws(PostgreSQLError) {
    var settings = settings
    if PQserverVersion(handle) >= 170_000 { settings.insert(("transaction_timeout", "0"), at: 0) }
    // A standby would refuse to read at all if the server's default were SERIALIZABLE.
    var statements: [Statement] = [("BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY", [])]
    statements += settings.map {
      ("SELECT set_config($1, $2, false)", [.text($0.name), .text($0.value)])
    }
    statements += [(Self.privilegedSettings, []), (Self.check, []), ("COMMIT", [])]
    let rows: [PostgreSQLRows]
    do {
      rows = try exchange(statements, keepsPrepared: false, until: deadline)
    } catch {
      throw error.beforeCommit
    }
    guard let answer = rows.dropLast().last else {
      throw .unavailable(reason: "the connection broke while it was made")
    }
    if answer.bool(0, 0) { throw .unavailable(reason: "the server is a standby") }
    for (column, setting) in ["fsync", "synchronous_commit"].enumerated()
    where !answer.bool(0, column + 1) {
      throw .refused(
        sqlState: SQLState.objectNotInPrerequisiteState,
        message: "the server's \(setting) is off: a crash would lose what it acknowledged")
    }
  }

  /// A stronger promise than ours stays; the language of messages is a superuser's to choose.
  private static let privilegedSettings = """
    SELECT CASE WHEN current_setting('synchronous_commit') <> 'remote_apply'
        THEN set_config('synchronous_commit', 'on', false) END,
      CASE WHEN current_setting('is_superuser') = 'on'
        THEN set_config('lc_messages', 'C', false) END
    """

  private static let check = """
    SELECT pg_is_in_recovery(), current_setting('fsync') = 'on',
      current_setting('synchronous_commit') IN ('on', 'remote_apply')
    """
}

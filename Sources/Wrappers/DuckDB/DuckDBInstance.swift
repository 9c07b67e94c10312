internal import CDuckDB

/// An in-memory DuckDB instance; connections are made from any thread and keep it alive.
package final class DuckDBInstance: Sendable {
  /// Settings at opening.
  package struct Options: Sendable {
    /// DuckDB's configuration by name, such as `threads`, `async_threads`, `memory_limit`.
    package var settings: [String: String]
    /// The time zone of new connections. DuckDB would otherwise follow the host's.
    package var timeZone: String

    /// `asyncThreads` is the number of extra threads for asynchronous reads: DuckDB's own default
    /// starts eight of them in each instance.
    package init(
      threads: Int = 1, asyncThreads: Int = 0, memoryLimitBytes: Int? = nil,
      timeZone: String = "UTC", settings: [String: String] = [:]
    ) {
      self.settings = settings
      self.settings["threads"] = String(threads)
      self.settings["async_threads"] = String(asyncThreads)
      if let memoryLimitBytes { self.settings["memory_limit"] = "\(memoryLimitBytes)B" }
      self.timeZone = timeZone
    }
  }

  // A duckdb_database may be used by many threads: the library locks inside.
  nonisolated(unsafe) let handle: duckdb_database

  /// Opens a new, empty instance.
  ///
  /// Time zone and the Gregorian calendar are set for the whole instance, not per connection:
  /// once a sandbox has locked the configuration a connection could not set them any more.
  ///
  /// - Throws: `.configuration` or `.invalidInput` for an unknown setting or a bad value,
  ///   `.outOfMemory` when the process may not grow.
  package init(_ options: Options = Options()) throws(DuckDBError) {
    handle = try Self.open(options.settings)
    // From here on the instance is whole: a throw below runs deinit, which closes it.
    let connection = try connect()
    try connection.execute("SET GLOBAL TimeZone = \(sqlLiteral(options.timeZone))")
    try connection.execute("SET GLOBAL Calendar = 'gregorian'")
  }

  deinit {
    var handle: duckdb_database? = handle
    duckdb_close(&handle)
  }

  /// A connection of its own; use it on one thread at a time.
  package func connect() throws(DuckDBError) -> sending DuckDBConnection {
    try DuckDBConnection(to: self)
  }

  /// The version of the linked library, such as `v2.0.0`.
  package static var libraryVersion: String { String(cString: duckdb_library_version()) }

  private static func open(_ settings: [String: String]) throws(DuckDBError) -> duckdb_database {
    var config: duckdb_config?
    guard duckdb_create_config(&config) == DuckDBSuccess, let configuration = config else {
      throw DuckDBError(kind: .outOfMemory, message: "duckdb_create_config failed")
    }
    defer { duckdb_destroy_config(&config) }
    for (name, value) in settings {
      guard duckdb_set_config(configuration, name, value) == DuckDBSuccess else {
        throw DuckDBError(
          kind: .configuration, message: "Invalid Configuration Error: setting \(name) is refused")
      }
    }
    var database: duckdb_database?
    var message: UnsafeMutablePointer<CChar>?
    // On failure the library has freed the database already: nothing to close.
    guard duckdb_open_ext(nil, &database, configuration, &message) == DuckDBSuccess,
      let database
    else {
      defer { duckdb_free(message) }
      throw DuckDBError(untyped: message, otherwise: "duckdb_open_ext failed")
    }
    return database
  }
}

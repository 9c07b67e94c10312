import DuckDB
import WorkerProtocol

/// The engine's own fence, inside the one of the operating system, and locked.
struct EngineSettings {
  private let binding: BindMessage

  private let writablePath: String

  /// - Parameter writablePath: where the worker's own statements write answers.
  init(_ binding: BindMessage, writablePath: String) {
    self.binding = binding
    self.writablePath = writablePath
  }

  /// Starts the engine's threads: from here on they are born inside the sandbox.
  func apply(to engine: DuckDBInstance) throws(DuckDBError) {
    let connection = try engine.connect()
    let folders = binding.readableFolders.map { sqlLiteral($0) }.joined(separator: ", ")
    let settings = [
      "threads = \(binding.threads)",
      "memory_limit = '\(binding.memoryLimitBytes)B'",
      "parquet_metadata_cache = true",
      "allowed_directories = [\(folders)]",
      "allowed_paths = [\(sqlLiteral(writablePath))]",
      "temp_directory = \(sqlLiteral(binding.temporaryFolder))",
      "max_temp_directory_size = '\(binding.temporaryLimitBytes)B'",
      "autoload_known_extensions = false",
      "autoinstall_known_extensions = false",
      "allow_community_extensions = false",
      "enable_external_access = false",
      // The one setting that a request chooses; statements cannot reach SET.
      "allowed_configs = ['TimeZone']",
      "lock_configuration = true",
    ]
    for setting in settings {
      try connection.execute("SET GLOBAL \(setting)")
    }
  }
}

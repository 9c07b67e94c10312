internal import CDuckDB

extension DuckDBError {
  /// An error with DuckDB's type, which is right except where an allocation failed outside DuckDB.
  init(type: duckdb_error_type, message: String) {
    self.init(kind: Self.allocationFailed(message) ? .outOfMemory : Kind(type), message: message)
  }

  /// An error that came as text alone (prepare, extract, pending, open): classified by its prefix.
  init(untyped message: String) {
    self.init(
      kind: Self.allocationFailed(message) ? .outOfMemory : Kind(prefixOf: message),
      message: message)
  }

  init(untyped message: UnsafePointer<CChar>?, otherwise fallback: String) {
    guard let message else {
      self.init(kind: .internal, message: fallback)
      return
    }
    self.init(untyped: String(cString: message))
  }

  /// The C++ runtime's own text, which reaches us unclassified when `malloc` meets a limit.
  private static func allocationFailed(_ message: String) -> Bool {
    message.contains("std::bad_alloc")
  }
}

extension DuckDBError.Kind {
  init(_ type: duckdb_error_type) {
    switch type {
    case DUCKDB_ERROR_BINDER, DUCKDB_ERROR_PLANNER, DUCKDB_ERROR_EXPRESSION: self = .binder
    case DUCKDB_ERROR_CATALOG: self = .catalog
    case DUCKDB_INVALID_CONFIGURATION, DUCKDB_ERROR_SETTINGS: self = .configuration
    case DUCKDB_ERROR_CONNECTION: self = .connection
    case DUCKDB_ERROR_CONSTRAINT: self = .constraint
    case DUCKDB_ERROR_CONVERSION, DUCKDB_ERROR_DECIMAL, DUCKDB_ERROR_MISMATCH_TYPE,
      DUCKDB_ERROR_INVALID_TYPE, DUCKDB_ERROR_UNKNOWN_TYPE:
      self = .conversion
    case DUCKDB_ERROR_DATA_CORRUPTION: self = .dataCorruption
    case DUCKDB_ERROR_DEPENDENCY: self = .dependency
    case DUCKDB_ERROR_DIVIDE_BY_ZERO: self = .divideByZero
    case DUCKDB_ERROR_FATAL: self = .fatal
    case DUCKDB_ERROR_INTERRUPT: self = .interrupted
    case DUCKDB_ERROR_INVALID_INPUT, DUCKDB_ERROR_INVALID: self = .invalidInput
    case DUCKDB_ERROR_IO: self = .io
    case DUCKDB_ERROR_MISSING_EXTENSION, DUCKDB_ERROR_AUTOLOAD: self = .missingExtension
    case DUCKDB_ERROR_NETWORK, DUCKDB_ERROR_HTTP: self = .network
    case DUCKDB_ERROR_NOT_IMPLEMENTED: self = .notImplemented
    case DUCKDB_ERROR_OUT_OF_MEMORY: self = .outOfMemory
    case DUCKDB_ERROR_OUT_OF_RANGE, DUCKDB_ERROR_OBJECT_SIZE: self = .outOfRange
    case DUCKDB_ERROR_PARAMETER_NOT_RESOLVED, DUCKDB_ERROR_PARAMETER_NOT_ALLOWED: self = .parameter
    case DUCKDB_ERROR_PARSER, DUCKDB_ERROR_SYNTAX: self = .parser
    case DUCKDB_ERROR_PERMISSION: self = .permission
    case DUCKDB_ERROR_RESOURCE_IN_USE: self = .resourceInUse
    case DUCKDB_ERROR_SEQUENCE: self = .sequence
    case DUCKDB_ERROR_SERIALIZATION: self = .serialization
    case DUCKDB_ERROR_TRANSACTION: self = .transaction
    default: self = .internal
    }
  }

  /// Reads `<name> Error: …` as DuckDB's exceptions print it.
  init(prefixOf message: String) {
    guard let end = message.firstRange(of: " Error: ")?.lowerBound else {
      self = .internal
      return
    }
    switch message[..<end].lowercased() {
    case "binder", "planner", "expression": self = .binder
    case "catalog": self = .catalog
    case "invalid configuration", "settings": self = .configuration
    case "connection": self = .connection
    case "constraint": self = .constraint
    case "conversion", "decimal", "mismatch type", "invalid type", "unknown type":
      self = .conversion
    case "data corruption", "datacorruption": self = .dataCorruption
    case "dependency": self = .dependency
    case "divide by zero": self = .divideByZero
    case "fatal": self = .fatal
    case "interrupt": self = .interrupted
    case "invalid", "invalid input": self = .invalidInput
    case "io": self = .io
    case "missing extension", "extension autoloading": self = .missingExtension
    case "network", "http": self = .network
    case "not implemented": self = .notImplemented
    case "out of memory": self = .outOfMemory
    case "out of range", "object size": self = .outOfRange
    case "parameter not resolved", "parameter not allowed": self = .parameter
    case "parser", "syntax": self = .parser
    case "permission": self = .permission
    case "resource in use", "resourceinuse": self = .resourceInUse
    case "sequence": self = .sequence
    case "serialization": self = .serialization
    case "transactioncontext", "transaction": self = .transaction
    default: self = .internal
    }
  }
}

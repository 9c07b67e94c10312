/// A failure reported by DuckDB, or by this wrapper when a call cannot be handed to DuckDB.
///
/// `message` is DuckDB's own text: it can hold paths, SQL and view definitions, so it is for logs
/// only. `scrubbedMessage` is what a client may see.
package struct DuckDBError: Error, Equatable, Sendable {
  /// The class of a failure; stable across DuckDB's wording.
  package enum Kind: String, CaseIterable, Sendable {
    case binder
    case catalog
    case configuration
    case connection
    case constraint
    case conversion
    case dataCorruption
    case dependency
    case divideByZero
    case fatal
    /// A bug in DuckDB or in this wrapper, and every class DuckDB does not name.
    case `internal`
    case interrupted
    case invalidInput
    case io
    case missingExtension
    case network
    case notImplemented
    case outOfMemory
    case outOfRange
    /// Parameter values do not fit the statement's parameters: missing, unknown, doubled, untyped.
    case parameter
    case parser
    case permission
    case resourceInUse
    case sequence
    case serialization
    case transaction
  }

  package let kind: Kind
  /// DuckDB's own text, for logs only.
  package let message: String

  package init(kind: Kind, message: String) {
    self.kind = kind
    self.message = message
  }

  /// Whether the instance that reported this refuses all further work.
  package var endsInstance: Bool { kind == .fatal || kind == .dataCorruption }
}

extension DuckDBError: CustomStringConvertible {
  /// The client's text, so that an error interpolated by mistake leaks nothing.
  package var description: String { "\(kind.rawValue): \(scrubbedMessage)" }
}

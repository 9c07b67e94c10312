/// Why a type is refused.
package enum ColumnTypeError: Error, Equatable, Sendable {
  /// No type has this spelling.
  case unknown(String)
  /// DuckDB has the type, tables here do not; with what to take instead.
  case unsupported(String, advice: String)
  case decimalOutOfRange
  /// A nested type is not written as it should be; with what is wrong.
  case malformed(String)
  case mapKey(String)
  case tooDeep

  /// Fit for a client.
  package var explanation: String {
    switch self {
    case .unknown(let spelling): "\"\(spelling)\" is not a type"
    case .unsupported(let name, let advice): "\(name) cannot be stored: \(advice)"
    case .decimalOutOfRange: "DECIMAL(p,s) takes p from 1 to 38 and s from 0 to p"
    case .malformed(let explanation): explanation
    case .mapKey(let name):
      "\(name) cannot be the key of a MAP: keys are VARCHAR, integers, DATE or UUID"
    case .tooDeep: "types are nested at most \(ColumnType.maxNesting) deep"
    }
  }
}

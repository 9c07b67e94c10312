/// A constant as a statement writes it, or as a parameter brings it.
package enum ScanConstant: Sendable, Hashable {
  /// The digits of a whole number, perhaps with a minus.
  case integer(String)
  case text(String)
  /// A text that the statement says to be of another type: `DATE`, `TIMESTAMP` or `TIMESTAMPTZ`.
  case typed(text: String, type: String)

  package static let maximumBytes = 1_024
}

/// What a row of a table must fulfil for anything in a statement's answer to come of it: its column
/// has one of the constants, or is on one side of one of them.
package struct ScanFilter: Sendable, Hashable {
  package enum Comparison: UInt8, Sendable {
    case isIn, isLess, isLessOrEqual, isGreater, isGreaterOrEqual
  }

  package static let maximumFilters = 32
  package static let maximumConstants = 256

  /// Both as the statement writes them.
  package let table: String
  package let column: String
  package let comparison: Comparison
  package let constants: [ScanConstant]

  package init(
    table: String, column: String, comparison: Comparison, constants: [ScanConstant]
  ) {
    self.table = table
    self.column = column
    self.comparison = comparison
    self.constants = constants
  }

  func encode(into writer: inout MessageWriter) {
    writer.put(table)
    writer.put(column)
    writer.put(comparison.rawValue)
    writer.put(list: constants) { writer, constant in
      switch constant {
      case .integer(let text):
        writer.put(UInt8(0))
        writer.put(text)
      case .text(let text):
        writer.put(UInt8(1))
        writer.put(text)
      case .typed(let text, let type):
        writer.put(UInt8(2))
        writer.put(text)
        writer.put(type)
      }
    }
  }

  init(from reader: inout MessageReader) throws(FrameError) {
    table = try reader.string()
    column = try reader.string()
    guard let comparison = Comparison(rawValue: try reader.integer()) else { throw .malformed }
    self.comparison = comparison
    constants = try reader.list { reader throws(FrameError) in
      let kind: UInt8 = try reader.integer()
      switch kind {
      case 0: return ScanConstant.integer(try reader.string())
      case 1: return .text(try reader.string())
      case 2: return .typed(text: try reader.string(), type: try reader.string())
      default: throw .malformed
      }
    }
  }
}

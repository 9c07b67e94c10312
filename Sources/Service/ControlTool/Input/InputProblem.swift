/// What is wrong with one row of the input, and where.
package struct InputProblem: Error, Sendable, Equatable {
  /// The file's name as given, or `standard input`.
  package var source: String
  /// The physical line at which the row starts, from 1.
  package var line: Int
  /// A column's name, where one is to blame.
  package var column: String?
  package var reason: String

  package init(source: String, line: Int, column: String?, reason: String) {
    self.source = source
    self.line = line
    self.column = column
    self.reason = reason
  }

  package var message: String {
    "\(source) line \(line)" + (column.map { ", column \($0)" } ?? "") + ": \(reason)"
  }
}

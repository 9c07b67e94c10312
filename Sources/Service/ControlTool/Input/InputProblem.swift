/// What is wrong with one row of the input, and where.
struct InputProblem: Error, Sendable, Equatable {
  /// The file's name as given, or `standard input`.
  var source: String
  /// The physical line at which the row starts, from 1.
  var line: Int
  /// A column's name, where one is to blame.
  var column: String?
  var reason: String

  var message: String {
    "\(source) line \(line)" + (column.map { ", column \($0)" } ?? "") + ": \(reason)"
  }
}

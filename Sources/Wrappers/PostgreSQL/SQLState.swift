/// The SQLSTATE codes that this wrapper itself acts on
/// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
enum SQLState {
  static let featureNotSupported = "0A000"
  static let invalidStatementName = "26000"
  static let inFailedTransaction = "25P02"
  static let programLimitExceeded = "54000"
  /// Columns that have changed since a statement was prepared are reported by the first one.
  static let ofOutdatedPlans = [featureNotSupported, invalidStatementName]
  static let cannotConnect = "08001"
  static let objectNotInPrerequisiteState = "55000"
}

/// Why a round trip gave no answer, by how much of it the server may have read.
///
/// When is an outcome certain? A statement outside a transaction block commits when the server
/// reads Sync; COMMIT acts when it is executed, with Sync still to come. The server answers with
/// CommandComplete (for a statement outside a block: before it commits) or ErrorResponse, and then
/// with ReadyForQuery. So:
///
/// | sent, as far as we know           | seen                     | statement   | COMMIT      |
/// |-----------------------------------|--------------------------|-------------|-------------|
/// | nothing: the connection had ended | –                        | unavailable | unavailable |
/// | a part, libpq holds the rest      | cut, or the deadline     | unavailable | unknown     |
/// | all, or the sending failed        | nothing                  | unknown     | unknown     |
/// | all                               | CommandComplete          | unknown     | unknown     |
/// | all                               | ErrorResponse            | unknown     | unknown     |
/// | all                               | ErrorResponse and Ready  | refused     | refused     |
/// | all                               | ROLLBACK and Ready       | –           | refused     |
/// | all                               | CommandComplete and Ready| applied     | applied     |
///
/// Of everything before COMMIT in a block any break is `unavailable`: the server rolls back. A
/// FATAL error is followed by no ReadyForQuery, so it is a break. A failed write counts as
/// sent: the system may have taken the bytes of an earlier call of which the answer was lost. The
/// row for held bytes rests on three facts: libpq sends in order, Sync is the last message, and
/// `Connection.finish` sends nothing more. It does not hold for statements that the server commits
/// while it executes them (VACUUM, CREATE DATABASE, a procedure's own COMMIT), which are nobody's
/// means of storing data here.
enum ExchangeError: Error, Equatable {
  /// Nothing was handed to the system.
  case untouched(reason: String)
  /// A part was handed over, but certainly not its end, the Sync message.
  case withoutSync(reason: String)
  /// All of it may have been read, or the answer was incomplete.
  case lost(reason: String)
  /// The server refused, and is ready for the next statement.
  case refused(sqlState: String, message: String)

  /// What it means for a statement that is its own transaction: Sync is what commits it.
  var ofAutocommit: PostgreSQLError {
    switch self {
    case .untouched(let reason), .withoutSync(let reason): .unavailable(reason: reason)
    case .lost(let reason): .outcomeUnknown(reason: reason)
    case .refused(let sqlState, let message): .refused(sqlState: sqlState, message: message)
    }
  }

  /// What it means inside a transaction, before COMMIT: without one the server rolls back.
  var beforeCommit: PostgreSQLError {
    switch self {
    case .untouched(let reason), .withoutSync(let reason), .lost(let reason):
      .unavailable(reason: reason)
    case .refused(let sqlState, let message): .refused(sqlState: sqlState, message: message)
    }
  }

  /// What it means for COMMIT, which acts when it is executed, before Sync is read.
  var ofCommit: PostgreSQLError {
    switch self {
    case .untouched(let reason): .unavailable(reason: reason)
    case .withoutSync(let reason), .lost(let reason): .outcomeUnknown(reason: reason)
    case .refused(let sqlState, let message): .refused(sqlState: sqlState, message: message)
    }
  }
}

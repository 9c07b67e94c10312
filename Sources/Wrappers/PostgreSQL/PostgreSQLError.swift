/// Why PostgreSQL did not do what it was asked, by what is certain about the outcome.
///
/// `CommitCertainty.md` beside this file has the table of what was sent and seen for each case.
/// No text here holds an address, a password, a statement or a value.
package enum PostgreSQLError: Error, Equatable, Sendable {
  /// Certainly not applied: there was no connection, no free one in time, or it went before the
  /// last word of the transaction was sent.
  case unavailable(reason: String)
  /// The server refused and the transaction is rolled back: its refusal and its readiness for the
  /// next statement were both seen. A server whose settings or version we do not accept, and one
  /// that does not accept us, are refusals too.
  ///
  /// The message is for logs, never for clients: it may name tables.
  case refused(sqlState: String, message: String)
  /// What commits was sent, and neither success nor refusal came with readiness after it.
  case outcomeUnknown(reason: String)
  /// The pool was closed before the call began.
  case closed
}

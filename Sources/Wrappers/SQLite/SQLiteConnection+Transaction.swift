extension SQLiteConnection {
  package enum TransactionKind: Sendable {
    /// Takes the write lock at once, so that no statement inside fails for a stale snapshot.
    case immediate
    /// Reads one consistent snapshot.
    case read
  }

  /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
  ///
  /// - Throws: what `body` throws, or `failure(error)` for an error of SQLite's own in BEGIN or
  ///   COMMIT. A COMMIT that fails is rolled back and certainly not applied, but for
  ///   `commitUncertain`.
  package func transaction<Result, Failure: Error>(
    _ kind: TransactionKind, failure: (SQLiteError) -> Failure,
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    do {
      try statement(kind == .immediate ? "BEGIN IMMEDIATE" : "BEGIN").run()
    } catch {
      throw failure(error)
    }
    let result: Result
    do {
      result = try body()
    } catch {
      rollBack()
      throw error
    }
    do {
      try statement("COMMIT").run()
    } catch {
      rollBack()
      throw failure(error.ofCommit)
    }
    return result
  }

  /// As `transaction(_:failure:_:)` for bodies that throw nothing but SQLite's errors.
  package func transaction<Result>(
    _ kind: TransactionKind, _ body: () throws(SQLiteError) -> Result
  ) throws(SQLiteError) -> Result {
    try transaction(kind, failure: { $0 }, body)
  }

  private func rollBack() {
    guard isInTransaction else { return }
    // SQLite's ROLLBACK fails only when there is no transaction, which was just checked; whatever
    // else it could say, the connection's next BEGIN says it again.
    _ = try? execute("ROLLBACK")
  }
}

import Catalog
import Consistency
import Model
import SQLite

/// The catalog inside the embedded database: DuckLake 1.0 tables and our own, one file.
package struct SQLiteCatalog: Catalog {
  let database: SQLiteDatabase

  package init(database: SQLiteDatabase) { self.database = database }

  func write<Value: Sendable>(
    _ body: @escaping @Sendable (SQLiteConnection) throws(CatalogError) -> Value
  ) async throws(CatalogError) -> Value {
    try await database.write(failure: { CatalogError($0) }, body)
  }

  func read<Value: Sendable>(
    _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
  ) async throws(CatalogError) -> Value {
    do {
      return try await database.read(failure: { $0 }, body)
    } catch {
      throw CatalogError(error)
    }
  }
}

extension CatalogError {
  /// What an error of SQLite's means for the catalog. An uncertain COMMIT of these calls may be
  /// sent again: each finds what it would have made.
  init(_ error: SQLiteError) {
    self =
      switch error {
      case .storageFull: .storageFull
      case .corrupt(let message): .damaged(reason: message)
      case .busy: .unavailable(reason: "database is locked")
      case .interrupted: .unavailable(reason: "interrupted")
      case .inputOutput(let code, _), .commitUncertain(let code, _):
        .unavailable(reason: "database I/O error \(code)")
      case .cannotOpen: .unavailable(reason: "database cannot be opened")
      case .constraint, .misuse: .unavailable(reason: "database refused a statement: \(error)")
      }
  }
}

extension CommitError {
  init(_ error: SQLiteError) {
    if case .commitUncertain(let code, _) = error {
      self = .outcomeUnknown(reason: "database I/O error \(code)")
      return
    }
    self =
      switch CatalogError(error) {
      case .storageFull: .storageFull
      case .damaged(let reason), .unavailable(let reason): .unavailable(reason: reason)
      case .tenantLimitReached, .tableExists, .tableNotFound, .tableChanged, .snapshotNotFound:
        .unavailable(reason: "\(error)")
      }
  }
}

/// Runs SQLite calls inside a function that throws another boundary's errors.
func mapping<Value, Failure: Error>(
  _ map: (SQLiteError) -> Failure, _ body: () throws(SQLiteError) -> Value
) throws(Failure) -> Value {
  do { return try body() } catch { throw map(error) }
}

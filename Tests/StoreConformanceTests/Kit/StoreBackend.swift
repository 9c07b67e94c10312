import Catalog
import IngestBus
import Model
import SQLiteStore
import Testing

/// A bus and a catalog over one database.
struct OpenStore: Sendable {
  let bus: any IngestBus
  let catalog: any Catalog
}

/// One kind of store under test.
///
/// A new backend joins the suites by being one more member of `StoreBackends.all`.
protocol StoreBackend: Sendable {
  /// Opens what is there, or a fresh store the first time.
  func open() async throws -> OpenStore

  /// Opens the store as a power cut would leave it at this very moment, while `open()`'s goes on.
  func openAfterCrash() async throws -> OpenStore

  /// Runs a statement past all rules, as a bug or a damaged disk would.
  func damage(_ sql: String) async throws

  /// Moves the log into the database, where the backend has such a thing.
  func checkpoint() async throws

  func remove() async
}

/// A kind of store, named for the test's output.
struct StoreKind: Sendable, CustomTestStringConvertible {
  let name: String
  let make: @Sendable (TestClock) async throws -> any StoreBackend
  var testDescription: String { name }
}

enum StoreBackends {
  static let all: [StoreKind] = [
    StoreKind(name: "SQLite") { clock in try await SQLiteBackend(clock: clock) }
  ]
}

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
  func open(retention: SegmentRetention) async throws -> OpenStore

  /// Runs a statement past all rules, as a bug or a damaged disk would.
  func damage(_ sql: String) async throws

  /// Statements that each spoil the list of skipped records of the segment at token 2.
  var skipListDamages: [String] { get }

  func remove() async
}

extension StoreBackend {
  func open() async throws -> OpenStore { try await open(retention: .none) }
}

/// A store that one process has to itself, in files that can be copied as a power cut leaves them.
protocol EmbeddedBackend: StoreBackend {
  /// Opens the store as a power cut would leave it at this very moment, while `open()`'s goes on.
  func openAfterCrash() async throws -> OpenStore

  /// Moves the log into the database.
  func checkpoint() async throws
}

/// A kind of store, named for the test's output.
struct StoreKind: Sendable, CustomTestStringConvertible {
  let name: String
  let make: @Sendable (TestClock) async throws -> any StoreBackend
  var testDescription: String { name }
}

/// A kind of embedded store.
struct EmbeddedKind: Sendable, CustomTestStringConvertible {
  let name: String
  let make: @Sendable (TestClock) async throws -> any EmbeddedBackend
  var testDescription: String { name }
}

enum StoreBackends {
  static let all: [StoreKind] =
    embedded.map { kind in StoreKind(name: kind.name) { try await kind.make($0) } } + shared

  static let embedded: [EmbeddedKind] = [
    EmbeddedKind(name: "SQLite") { clock in try await SQLiteBackend(clock: clock) }
  ]

  /// Stores that any number of processes use at once.
  static let shared: [StoreKind] = [
    StoreKind(name: "PostgreSQL") { clock in try await PostgreSQLBackend(clock: clock) }
  ]
}

import Catalog
import Consistency
import IngestBus
import Model
import Runtime
import SQLiteStore

/// One store under test, with what a publisher and a coordinator would do to it.
final class Lab: Sendable {
  let backend: any StoreBackend
  let clock: TestClock
  let bus: any IngestBus
  let catalog: any Catalog
  let lake: TokenLake

  init(backend: any StoreBackend, clock: TestClock, store: OpenStore, lake: TokenLake) {
    self.backend = backend
    self.clock = clock
    self.lake = lake
    bus = store.bus
    catalog = store.catalog
  }

  func makeTenant(_ name: String) async throws -> TenantRecord {
    try await catalog.ensureTenant(named: name, limit: 1_000)
  }

  func makeTable(_ name: String, _ tenant: TenantRecord) async throws -> TableRecord {
    try await catalog.createTable(
      TableDefinition(name: name, schema: try Self.schema()), tenant: tenant.id)
  }

  /// A tenant with one table, `events`.
  func makeTable(of tenant: String) async throws -> TableRecord {
    try await makeTable("events", try await makeTenant(tenant))
  }

  static func schema() throws -> TableSchema {
    try TableSchema(columns: [
      ColumnDefinition(name: "id", type: .bigint, isNullable: false),
      ColumnDefinition(name: "note", type: .varchar),
    ])
  }

  /// The same store as another process opens it, while this one goes on.
  func inAnotherProcess(retention: SegmentRetention = .none) async throws -> Lab {
    Lab(
      backend: backend, clock: clock, store: try await backend.open(retention: retention),
      lake: lake)
  }
}

/// Runs a test with a fresh store that is removed afterwards.
func withLab(_ kind: StoreKind, _ body: (Lab) async throws -> Void) async throws {
  let clock = TestClock()
  try await withLab(over: try await kind.make(clock), clock, body)
}

/// Runs a test with a fresh store and what leaves it as a power cut at that moment would.
func withLab(
  _ kind: EmbeddedKind, _ body: (Lab, any EmbeddedBackend) async throws -> Void
) async throws {
  let clock = TestClock()
  let backend = try await kind.make(clock)
  try await withLab(over: backend, clock) { lab in try await body(lab, backend) }
}

private func withLab(
  over backend: any StoreBackend, _ clock: TestClock, _ body: (Lab) async throws -> Void
) async throws {
  do {
    try await body(
      Lab(backend: backend, clock: clock, store: try await backend.open(), lake: TokenLake()))
  } catch {
    await backend.remove()
    throw error
  }
  await backend.remove()
}

/// Stands for the object store: a file is the tokens of the events that are its rows.
final class TokenLake: Sendable {
  struct Row: Sendable, Equatable {
    var token: Int64
    /// The snapshot that added the row; kept in merged files only.
    var addedBy: SnapshotID?
    /// The row's primary key, in keyed tables.
    var key: String?
  }

  private let files = Lock<[String: [Row]]>([:])
  private let positions = Lock<[String: Set<Int>]>([:])

  func write(_ tokens: [Int64], to name: String) {
    write(rows: tokens.map { Row(token: $0, addedBy: nil) }, to: name)
  }

  func write(rows: [Row], to name: String) { files.withLock { $0[name] = rows } }

  func rows(at name: String) -> [Row]? { files.withLock { $0[name] } }

  func write(deleted: Set<Int>, to name: String) { positions.withLock { $0[name] = deleted } }

  func deleted(at name: String) -> Set<Int>? { positions.withLock { $0[name] } }
}

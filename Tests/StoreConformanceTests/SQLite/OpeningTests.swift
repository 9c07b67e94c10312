import Catalog
import Foundation
import Model
import SQLite
import SQLiteStore
import Testing

@Suite struct OpeningTests {
  @Test func aCatalogOfANewerProgramIsLeftAlone() async throws {
    try await withBackend { backend in
      _ = try await backend.open()
      try await backend.damage(
        "INSERT INTO duckmesh_migration VALUES (99, 'later', 'x', '2030-01-01')")
      await #expect(throws: CatalogOpenError.self) { try await backend.open() }
      try await backend.damage("DELETE FROM duckmesh_migration WHERE version = 99")
      _ = try await backend.open()
    }
  }

  @Test func aMigrationThatDiffersFromOursIsNoticed() async throws {
    try await withBackend { backend in
      _ = try await backend.open()
      try await backend.damage("UPDATE duckmesh_migration SET checksum = 'edited'")
      await #expect(throws: CatalogOpenError.alteredMigration(version: 1)) {
        try await backend.open()
      }
    }
  }

  @Test func aFileThatIsNoDatabaseIsRefused() async throws {
    try await withBackend { backend in
      let path = backend.databasePath
      try await offPool {
        try String(repeating: "no database ", count: 1_000).write(
          toFile: path, atomically: true, encoding: .utf8)
      }
      await #expect(throws: CatalogOpenError.self) { try await backend.open() }
    }
  }

  @Test func openingAgainKeepsEverythingAndNamesTheLakesPresentPlace() async throws {
    try await withBackend { backend in
      let store = try await backend.open()
      let tenant = try await store.catalog.ensureTenant(named: "acme", limit: 5)
      let path = backend.databasePath
      let moved = try await SQLiteBackend.database(
        at: path, lake: "/elsewhere/lake", clock: TestClock())
      #expect(try await SQLiteCatalog(database: moved).tenants() == [tenant])
      let place = try await offPool {
        let connection = try SQLiteConnection(path: path, mode: .readOnly)
        let row = try connection.prepare(
          "SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
        _ = try row.step()
        return row.text(0)
      }
      #expect(place == "/elsewhere/lake/")
    }
  }

  private func withBackend(_ body: (SQLiteBackend) async throws -> Void) async throws {
    let backend = try await SQLiteBackend(clock: TestClock())
    do {
      try await body(backend)
    } catch {
      await backend.remove()
      throw error
    }
    await backend.remove()
  }
}

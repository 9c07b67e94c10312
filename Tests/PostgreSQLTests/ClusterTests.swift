import Foundation
import PostgreSQL
import TestSupport
import Testing

@Suite("The throw-away cluster")
struct ClusterTests {
  @Test("A cluster whose process lets it go leaves no server and no folder")
  func removal() async throws {
    let cluster = try await PostgreSQLCluster()
    let database = try await cluster.makeDatabase()
    let folder = cluster.folder
    let pool = try PostgreSQLPool(
      options: PostgreSQLPoolOptions(connection: database.connection(), size: 1))
    try await pool.verify()
    try await cluster.remove()
    #expect(!FileManager.default.fileExists(atPath: folder))
    let kind = await outcome { () throws(PostgreSQLError) in try await pool.verify() }
    #expect(kind == "unavailable")
    await pool.close()
  }
}

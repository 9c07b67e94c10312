import Catalog
import IngestBus
import Model
import PostgreSQLStore
import TestSupport
import Testing

/// A synchronous standby that does not answer: nothing may be called durable.
@Suite struct StandbyTests {
  @Test func aBatchThatNoStandbyHasIsNotToldAsDurable() async throws {
    try await SeparateStore.with(publishingTimeoutMs: 200) { store in
      let (bus, table, cluster) = (store.bus, store.table, store.cluster)
      try await setStandbys("nobody", of: cluster)
      // The server takes the setting up at some moment after it was told.
      var unconfirmed: BatchPublish?
      for number in 0... {
        do throws(BusError) {
          _ = try await bus.publish(batch(table, "k\(number)"))
        } catch {
          #expect(!error.isCertainlyNotApplied, "\(error)")
          unconfirmed = batch(table, "k\(number)")
          break
        }
      }
      let resent = try #require(unconfirmed)
      try await endWaitingForStandbys(of: cluster)
      // It is there for everybody to see, and a failover would lose it.
      await #expect(throws: BusError.self) {
        try await bus.standing(of: resent.key, producer: nil)
      }
      await #expect(throws: BusError.self) { try await bus.publish(resent) }

      try await setStandbys("", of: cluster)
      try await eventually("the server waits for nobody any more") {
        (try? await bus.standing(of: resent.key, producer: nil))?.receipt?.count == 2
      }
      guard case .duplicate = try await bus.publish(resent) else {
        Issue.record("the batch is there once")
        return
      }
    }
  }

  private func setStandbys(_ names: String, of cluster: PostgreSQLCluster) async throws {
    try await cluster.change(
      "echo \"synchronous_standby_names = '\(names)'\" >> data/postgresql.conf")
    try await cluster.run("pg_ctl", ["-D", "\(cluster.folder)/data", "reload"])
  }

  /// As an administrator does, or a server that shuts down.
  private func endWaitingForStandbys(of cluster: PostgreSQLCluster) async throws {
    try await cluster.run(
      "psql",
      [
        "-X", "-q", "-h", cluster.folder, "-p", "\(cluster.port)", "-U", PostgreSQLCluster.user,
        "-d", "postgres", "-c",
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      ])
  }

  private func batch(_ table: TableRecord, _ key: String) -> BatchPublish {
    BatchPublish(
      tenant: table.tenant, table: table.id, schemaVersion: table.schemaVersion,
      key: keyHash(key, table), content: 1, producer: nil,
      body: SegmentCodec.encode([
        EventRun(
          table: table.id, schemaVersion: table.schemaVersion, traceID: "",
          records: (0..<2).map { _ in
            EventRecord(
              operation: .insert, idempotencyKey: Array(key.utf8), payload: Array("row".utf8))
          })
      ]), upload: nil)
  }
}

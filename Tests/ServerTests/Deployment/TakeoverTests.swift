import Glibc
import Runtime
import TestSupport
import Testing

/// A coordinator that goes, in whatever way, is replaced by another; what it still does afterwards
/// changes nothing.
@Suite struct TakeoverTests {
  /// Which of the two has published the newest snapshot, after a write that waited for it.
  private func holder(
    _ client: APIClient, _ pair: (ServerProcess, ServerProcess), key: String
  ) async throws -> (holder: ServerProcess, other: ServerProcess) {
    let before = pair.0.publishedSnapshots
    let other = pair.1.publishedSnapshots
    try await client.ingestVisibly("t", key: key, #"{"id": 0}"#).expect(200)
    // The line may be written a moment after the waiter was told.
    try await eventually("somebody has told of the snapshot") {
      pair.0.publishedSnapshots > before || pair.1.publishedSnapshots > other
    }
    return pair.0.publishedSnapshots > before ? (pair.0, pair.1) : (pair.1, pair.0)
  }

  @Test(arguments: [SIGKILL, SIGTERM])
  func anotherTakesOverFromACoordinatorThatEnds(signal: Int32) async throws {
    try await Deployment.with { deployment in
      let api = try await deployment.start("api,query")
      let one = try await deployment.start("coordinator")
      let two = try await deployment.start("coordinator")
      let client = api.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      let (holder, other) = try await holder(client, (one, two), key: "first")
      let before = other.publishedSnapshots
      // Accepted, and nobody waits: the next owner finds them.
      for key in 1...5 { try await client.ingest("t", [("a\(key)", #"{"id": 1}"#)]).expect(200) }
      holder.signal(signal)
      for key in 1...5 {
        try await client.ingestVisibly("t", key: "b\(key)", #"{"id": 2}"#).expect(200)
      }
      #expect(await holder.ended() == (signal == SIGKILL ? .signalled(9) : .exited(0)))
      try await client.ingestVisibly("t", key: "last", #"{"id": 3}"#).expect(200)
      #expect(other.publishedSnapshots > before)
      #expect(
        try await client.rows("SELECT id, count(*) FROM t GROUP BY id ORDER BY id")
          == "[[0,1],[1,5],[2,5],[3,1]]")
      // The one that has ended comes back as a new one.
      try await holder.start()
      try await holder.client().get("/v1/ready").expect(200)
    }
  }

  @Test(arguments: [CrashPoint.afterClaim, .afterMaterialize, .afterPut, .afterCommit])
  func aCoordinatorThatWasStoppedPastItsLeaseCommitsNothingAnyMore(
    point: CrashPoint
  ) async throws {
    try await Deployment.with { deployment in
      let api = try await deployment.start("api,query,maintenance")
      let zombie = try await deployment.start(
        "coordinator",
        [
          CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue + ":stop",
          "DUCKMESH_LEASE_MS": "1000", "DUCKMESH_HEARTBEAT_MS": "300",
        ])
      let client = api.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      let records = (1...10).map { (key: "a\($0)", payload: #"{"id": \#($0)}"#) }
      try await client.ingest("t", records).expect(200)
      try await eventually("the coordinator stops itself") { try zombie.isStopped }

      let other = try await deployment.start("coordinator")
      try await client.ingestVisibly("t", key: "b", #"{"id": 11}"#).expect(200)
      let committed = try await client.get("/v1/snapshots").expect(200)
      zombie.signal(SIGCONT)
      // It finds out, and is of use again.
      if point != .afterCommit {
        // By the fence, or before it by a connection that did not outlive the pause.
        try await eventually("the zombie was refused") {
          let metrics = try await zombie.client().get("/v1/metrics").text
          return metrics.contains(/duckmesh_lease_losses_total [1-9]/)
            || metrics.contains(/duckmesh_environment_failures_total\{[^}]*\} [1-9]/)
        }
        #expect(zombie.publishedSnapshots == 0)
      }
      #expect(
        try await client.get("/v1/snapshots").text.contains(#"max_visibility_token":11"#)
          && committed.text.contains(#"max_visibility_token":11"#))
      #expect(await other.stop() == .exited(0))
      try await client.ingestVisibly("t", key: "c", #"{"id": 12}"#).expect(200)
      try await eventually("it publishes again") { zombie.publishedSnapshots > 0 }
      #expect(
        try await client.rows("SELECT count(*), count(DISTINCT id), max(id) FROM t")
          == "[[12,12,12]]")
      try await client.post("/v1/integrity/run").expect(200)
    }
  }
}

import API
import Configuration
import SimdJSON
import TestSupport
import Testing

/// One deployment of separate processes: what one writes another reads.
@Suite struct SeparateProcessesTests {
  @Test func whatOneProcessAcknowledgesEveryOtherReads() async throws {
    try await Deployment.with { deployment in
      let first = try await deployment.start("api")
      let second = try await deployment.start("api")
      let one = try await deployment.start("coordinator")
      let two = try await deployment.start("coordinator")
      let query = try await deployment.start("query")
      let maintenance = try await deployment.start("maintenance")
      let writers = [first, second].map { $0.client() }
      let reader = query.client()
      try await writers[0].createTable("t", "id BIGINT").expect(201)
      for id in 1...20 {
        let writer = writers[id % 2]
        let reply = try await writer.ingest(
          "t", [("k\(id)", #"{"id": \#(id)}"#)],
          more: id % 4 < 2 ? #", "wait_for_visibility": true"# : "")
        let token = try #require(reply.expect(200).token)
        #expect(token == Int64(id))
        #expect(
          try await reader.rows("SELECT count(*), max(id) FROM t", token: token)
            == "[[\(id),\(id)]]")
      }
      #expect(one.publishedSnapshots + two.publishedSnapshots > 0)
      // A key belongs to the tenant, not to the process that has seen it first.
      let again = try await writers[1].ingest("t", [("k1", #"{"id": 1}"#)]).expect(200)
      #expect(again["duplicate_count"]?.integer == 1 && again.token == 1)
      for process in [first, second, one, two, query, maintenance] {
        try await process.client().get("/v1/ready").expect(200)
      }
      try await maintenance.client().post("/v1/compaction/run").expect(200)
      try await maintenance.client().post("/v1/integrity/run").expect(200)
      #expect(try await reader.rows("SELECT count(*) FROM t") == "[[20]]")
    }
  }

  @Test func aRouteIsServedByTheProcessesThatTheContractNames() async throws {
    try await Deployment.with { deployment in
      for role in ServerRole.allCases {
        let process = try await deployment.start(role.rawValue)
        let client = process.client()
        for route in Route.allCases {
          let path = route.template.replacing("{table}", with: "t").replacing("{id}", with: "1")
          let takesBody = [.createTable, .ingest, .query].contains(route)
          let reply = try await client.send(
            route.method, path, takesBody ? Array("{}".utf8) : [],
            contentType: takesBody ? "application/json" : nil)
          if route.roles.contains(role) {
            #expect(reply.errorCode != "ROLE_NOT_SERVED" && reply.status < 500, "\(role) \(route)")
          } else {
            reply.expectError(421, "ROLE_NOT_SERVED")
            #expect(
              reply["context", "needs_one_of"]?.elements?.compactMap(\.text)
                == route.roles.map(\.rawValue).sorted())
          }
        }
      }
    }
  }

  @Test func manyTenantsAreSharedByTheCoordinators() async throws {
    try await Deployment.with { deployment in
      let api = try await deployment.start("api,query")
      let one = try await deployment.start("coordinator")
      let clients = (0..<8).map { _ in api.newTenant() }
      for client in clients { try await client.createTable("t", "id BIGINT").expect(201) }
      for client in clients {
        try await client.ingestVisibly("t", key: "first", #"{"id": 0}"#).expect(200)
      }
      #expect(one.publishedSnapshots > 0)
      // The second comes when the first has all of them, and gets its part while writes go on.
      let two = try await deployment.start("coordinator")
      var round = 0
      while two.publishedSnapshots <= 3 {
        round += 1
        // Patience: a cluster notices a newcomer within seconds.
        try #require(round < 5_000, "the second coordinator has no part of the work")
        for client in clients {
          try await client.ingestVisibly("t", key: "\(round)", #"{"id": \#(round)}"#).expect(200)
        }
      }
      for client in clients {
        #expect(
          try await client.rows("SELECT count(*), count(DISTINCT id) FROM t")
            == "[[\(round + 1),\(round + 1)]]")
      }
    }
  }
}

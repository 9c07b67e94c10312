import Testing

/// Tables are made, dropped and made again through one process and used through another.
@Suite struct SharedTablesTests {
  private func withPair(
    _ body: (APIClient, APIClient) async throws -> Void
  ) async throws {
    try await Deployment.with { deployment in
      let one = try await deployment.start("api,query,coordinator")
      let two = try await deployment.start("api,query")
      try await body(one.client(), two.client())
    }
  }

  @Test func aTableIsKnownToEveryProcessAtOnce() async throws {
    try await withPair { one, two in
      for round in 0..<10 {
        let table = "t\(round)"
        // Asked for before it is there: that nothing was found must not be remembered.
        try await two.ingest(table, [("k", #"{"id": 1}"#)]).expectError(404, "TABLE_NOT_FOUND")
        try await one.createTable(table, "id BIGINT").expect(201)
        try await two.ingestVisibly(table, key: "k", #"{"id": 1}"#).expect(200)
        try await two.get("/v1/tables/\(table)").expect(200)
        #expect(try await two.get("/v1/tables").expect(200).text.contains(#""\#(table)""#))
        #expect(try await two.rows("FROM \(table)") == "[[1]]")
        #expect(try await one.rows("FROM \(table)") == "[[1]]")
      }
      try await two.createTable("t0", "id BIGINT").expectError(409, "TABLE_EXISTS")
    }
  }

  @Test func aDroppedTableTakesNothingThroughAnyProcess() async throws {
    try await withPair { one, two in
      for round in 0..<10 {
        try await one.createTable("t", "id BIGINT").expect(201)
        // Now both know it.
        try await two.ingest("t", [("k", #"{"id": 1}"#)]).expect(200)
        try await one.ingestVisibly("t", key: "l", #"{"id": 2}"#).expect(200)
        let (dropper, writer) = round % 2 == 0 ? (one, two) : (two, one)
        try await dropper.delete("/v1/tables/t").expect(200)
        try await writer.ingest("t", [("m", #"{"id": 3}"#)]).expectError(404, "TABLE_NOT_FOUND")
        try await writer.query("FROM t").expectError(404, "TABLE_NOT_FOUND")
      }
    }
  }

  @Test func aTableMadeAnewIsTakenAsItIsNow() async throws {
    try await withPair { one, two in
      for round in 0..<10 {
        let (maker, writer) = round % 2 == 0 ? (one, two) : (two, one)
        try await maker.createTable("t", "id BIGINT").expect(201)
        try await writer.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
        try await maker.delete("/v1/tables/t").expect(200)
        try await maker.createTable("t", "name VARCHAR").expect(201)
        // What does not fit the table that the writer remembers fits the one that is there, under a
        // key that this one has not seen.
        let reply = try await writer.ingestVisibly("t", key: "k", #"{"name": "a"}"#).expect(200)
        #expect(reply["accepted_count"]?.integer == 1)
        try await writer.ingest("t", [("l", #"{"id": 1}"#)]).expectError(400, "SCHEMA_VIOLATION")
        #expect(try await writer.rows("FROM t") == #"[["a"]]"#)
        try await maker.delete("/v1/tables/t").expect(200)
      }
    }
  }

  @Test func nothingAcknowledgedIsLostWhileTablesComeAndGo() async throws {
    try await withPair { one, two in
      try await one.createTable("t", "id BIGINT").expect(201)
      let accepted = Guarded(0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (name, client) in [("one", one), ("two", two)] {
          group.addTask {
            for key in 0..<100 {
              let reply = try await client.ingest("t", [("\(name)-\(key)", #"{"id": 1}"#)])
              if reply.status == 200 {
                accepted.withLock { $0 += 1 }
              } else {
                reply.expectError(404, "TABLE_NOT_FOUND")
              }
            }
          }
        }
        group.addTask {
          for round in 0..<10 {
            let client = round % 2 == 0 ? one : two
            try await client.delete("/v1/tables/t").expect(200)
            try await client.createTable("t", "id BIGINT").expect(201)
          }
        }
        try await group.waitForAll()
      }
      let last = try await one.ingestVisibly("t", key: "last", #"{"id": 2}"#).expect(200)
      let count = accepted.withLock { $0 } + 1
      // Every acknowledged event has its token and is accounted for, as a row or a dead letter.
      #expect(last.token == Int64(count))
      let lag = try await two.get("/v1/lag").expect(200)
      #expect(lag["accepted_events"]?.integer == Int64(count))
      #expect(lag["pending_events"]?.integer == 0)
    }
  }
}

import Glibc
import Testing

@Suite struct ServerStopTests {
  @Test func acceptedEventsSurviveAStop() async throws {
    // Events that nobody waits for are still to be written when the server is asked to stop.
    try await ServerProcess.with([
      "DUCKMESH_FLUSH_INTERVAL_MS": "60000", "DUCKMESH_MAX_AGE_MS": "60000",
    ]) { server in
      let client = server.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      for batch in 0..<5 {
        let records = (0..<10).map {
          (key: "k\(batch)-\($0)", payload: #"{"id": \#(batch * 10 + $0)}"#)
        }
        try await client.ingest("t", records).expect(200)
      }
      try await server.restart()
      #expect(
        try await client.rows("SELECT count(*), sum(id) FROM t", token: 50) == #"[[50,"1225"]]"#)
      let again = try await client.ingest("t", [("k0-0", #"{"id": 0}"#)]).expect(200)
      #expect(again["duplicate_count"]?.integer == 1 && again.token == 1)
      let next = try await client.ingestVisibly("t", key: "new", #"{"id": 50}"#)
      #expect(next.expect(200).token == 51)
    }
  }

  @Test func requestsInFlightAreFinished() async throws {
    try await ServerProcess.with { server in
      try await server.client().createTable("t", "id BIGINT").expect(201)
      let body = #"{"sql": "FROM range(1000000) AS r(i)"}"#
      let request =
        "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nAccept: text/csv\r\n"
        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      let answer = try await RawConnection.run(to: server) { connection in
        connection.send(request)
        let first = connection.read() ?? []
        // The rest of the answer does not fit what lies between the server and this client.
        server.signal(SIGTERM)
        return RawAnswer(first + connection.readToEnd())
      }
      #expect(await server.ended() == .exited(0))
      #expect(answer.status == 200)
      #expect(answer.text.contains("\r\n999999\r\n"))
      #expect(answer.text.contains("X-DuckMesh-Row-Count: 1000000\r\n"))
      #expect(server.log.contains(#""message":"stopped""#))
    }
  }

  @Test func aSecondSignalEndsTheServerAtOnce() async throws {
    try await ServerProcess.with { server in
      try await server.client().createTable("t", "id BIGINT").expect(201)
      let body =
        #"{"sql": "SELECT count(*) FROM range(10000000000) a, range(10000000000) b", "timeout_ms": 300000}"#
      let request =
        "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      async let cut = RawConnection.exchange(server, Array(request.utf8))
      while try await !server.client().get("/v1/metrics").text.contains(
        "\nduckmesh_queries_running 1\n")
      {}
      server.signal(SIGTERM)
      // Two signals at once can arrive as one.
      while !server.log.contains(#""message":"stopping""#) { await Task.yield() }
      server.signal(SIGTERM)
      #expect(try await cut.status == 0)
      #expect(await server.ended() == .exited(128 + SIGTERM))
      // Nothing is damaged by it.
      try await server.start()
      try await server.client().ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
    }
  }

  @Test func theCommandLineIsChecked() async throws {
    let folder = try TemporaryFolder()
    for (arguments, code) in [
      ([], 2), (["run"], 2), (["version"], 0), (["help"], 0),
      (["serve", "--no-such-flag", "1"], 3),
    ] as [([String], Int32)] {
      let child = try await ChildProcess(
        ServerProcess.program("duckmesh"), arguments, environment: [:],
        output: folder.path + "/out")
      #expect(await child.end() == .exited(code), "\(arguments): \(folder.read("out"))")
    }
    #expect(folder.read("out").contains("--no-such-flag"))
  }
}

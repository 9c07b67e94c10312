import ControlTool
import Synchronization
import Testing

private func rows(_ count: Int) -> [UInt8] {
  Array(("id,name\n" + (1...count).map { "\($0),n\($0)\n" }.joined()).utf8)
}

private func line(_ name: String, in output: String) -> String? {
  output.split(separator: "\n").first { $0.hasPrefix(name) }
    .map { $0.dropFirst(name.count).drop { $0 == " " } }.map(String.init)
}

@Suite("Ingest")
struct IngestTests {
  @Test("every row of a file arrives once, typed by the table's columns")
  func typedRows() async throws {
    let mesh = FakeMesh()
    mesh.addTable(
      "t", [("i", "BIGINT"), ("d", "DOUBLE"), ("b", "BOOLEAN"), ("s", "VARCHAR"), ("x", "DECIMAL")])
    let text = "i,d,b,s,x\n1,1.5,true,5,1.10\n-2,NA,F,\"a \"\"q\"\",\nb\",\n,,,\"\",7\n"
    let outcome = try await withFile(Array(text.utf8)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--null", "NA"], url: url)
      }
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(
      mesh.records.map(\.payload.compactText) == [
        #"{"i":1,"d":1.5,"b":true,"s":"5","x":"1.10"}"#,
        #"{"i":-2,"d":null,"b":false,"s":"a \"q\",\nb","x":null}"#,
        #"{"i":null,"d":null,"b":null,"s":"","x":"7"}"#,
      ])
    #expect(mesh.records.map { $0.key.split(separator: ":").last } == ["2", "3", "5"])
    #expect(line("accepted", in: outcome.output) == "3")
  }

  @Test("the same file again, compressed or not, adds no row and reports all as duplicates")
  func again() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("greeting", "VARCHAR")])
    // "greeting\nhello\nworld\n" as `gzip -n` writes it.
    let compressed: [UInt8] = [
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4B, 0x2F, 0x4A, 0x4D, 0x2D,
      0xC9, 0xCC, 0x4B, 0xE7, 0xCA, 0x48, 0xCD, 0xC9, 0xC9, 0xE7, 0x2A, 0xCF, 0x2F, 0xCA, 0x49,
      0xE1, 0x02, 0x00, 0x53, 0x57, 0x65, 0x28, 0x15, 0x00, 0x00, 0x00,
    ]
    let (first, second) = try await mesh.serve { url in
      let first = try await withFile(Array("greeting\nhello\nworld\n".utf8)) { path in
        try await runTool(["ingest", "t", path], url: url)
      }
      let second = try await withFile(compressed, name: "data.csv.gz") { path in
        try await runTool(["ingest", "t", path], url: url)
      }
      return (first, second)
    }
    #expect(first.exitCode == .done)
    #expect(second.exitCode == .done, "\(second.errors)")
    #expect(mesh.records.count == 2)
    #expect(line("accepted", in: second.output) == "0")
    #expect(line("duplicates", in: second.output) == "2")
    #expect(line("highest token", in: second.output) == "2")
  }

  @Test("batches hold at most the rows asked for, and together every row once")
  func batches() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(rows(1_037)) { path in
      try await mesh.serve { url in
        try await runTool(
          [
            "ingest", "t", path, "--batch", "50", "--concurrency", "5", "--no-final-wait",
          ], url: url)
      }
    }
    #expect(outcome.exitCode == .done)
    let sizes = mesh.ingestBodies.map { $0["records"]?.array?.count ?? 0 }
    #expect(sizes.sorted() == [37] + Array(repeating: 50, count: 20))
    let ids = mesh.records.compactMap { $0.payload["id"]?.integer }
    #expect(ids.sorted() == Array(1...1_037))
  }

  @Test("requests refused for a while, and answers that were lost, add no row twice")
  func faults() async throws {
    let mesh = FakeMesh(fault: { number in
      switch number {
      case 0, 2, 4: .refuse(status: 429, code: "QUEUE_FULL", retryAfterSeconds: nil)
      case 1, 3, 5: .loseAnswer
      default: .none
      }
    })
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(rows(60)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--batch", "10", "--concurrency", "6"], url: url)
      }
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(mesh.records.count == 60)
    #expect(line("rows  ", in: outcome.output) == "60")
    #expect(outcome.output.contains("in requests whose first answer was lost"))
  }

  @Test("a request that is never served ends as refused, after as many attempts as allowed")
  func retriesEnd() async throws {
    let mesh = FakeMesh(fault: { _ in
      .refuse(status: 503, code: "STORAGE_FULL", retryAfterSeconds: nil)
    })
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(rows(5)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--retries", "1"], url: url)
      }
    }
    #expect(outcome.exitCode == .refused)
    #expect(outcome.errors.contains("STORAGE_FULL (503)"))
    #expect(outcome.errors.contains("trace id: trace-1"))
    #expect(outcome.errors.contains("run the same command again"))
    #expect(mesh.ingestBodies.count == 2)
  }

  @Test("a refused record is named by its line in the file, and is not tried again")
  func refusedRecord() async throws {
    let mesh = FakeMesh(fault: { _ in .violation(recordIndex: 2) })
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(rows(5)) { path in
      try await mesh.serve { url in try await runTool(["ingest", "t", path], url: url) }
    }
    #expect(outcome.exitCode == .refused)
    #expect(outcome.errors.contains("data.csv line 4: column amount, expected BIGINT"))
    #expect(mesh.ingestBodies.count == 1)
  }

  @Test("dead letters are listed by line and give the exit code for partial")
  func deadLetters() async throws {
    let mesh = FakeMesh(fault: { _ in .deadLetter(recordIndex: 1) })
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(rows(5)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--on-error", "dead_letter"], url: url)
      }
    }
    #expect(outcome.exitCode == .partial)
    #expect(outcome.errors.contains("data.csv line 3: dead-lettered, out of range"))
    #expect(line("dead-lettered", in: outcome.output) == "1 of the accepted")
    #expect(mesh.ingestBodies.first?["on_error"]?.text == "dead_letter")
  }

  @Test("a row that cannot be converted stops the ingest with file, line and column")
  func badRow() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let text = "id,name\n1,\"a\nb\"\nx7,c\n3,d\n"
    let outcome = try await withFile(Array(text.utf8)) { path in
      try await mesh.serve { url in try await runTool(["ingest", "t", path], url: url) }
    }
    #expect(outcome.exitCode == .badInput)
    #expect(
      outcome.errors.contains("data.csv line 4, column id: expected a whole number, got 'x7'"))
    #expect(mesh.records.allSatisfy { $0.payload["id"]?.integer == 1 })
  }

  @Test("with dead_letter such a row is passed on as text for the server to judge")
  func badRowPassedOn() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let outcome = try await withFile(Array("id,name\nx7,c\n1\n1,2,3\n".utf8)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--on-error", "dead_letter"], url: url)
      }
    }
    #expect(outcome.exitCode == .done)
    #expect(
      mesh.records.map(\.payload.compactText) == [
        #"{"id":"x7","name":"c"}"#, #"{"id":1,"_field_count":1}"#,
        #"{"id":1,"name":"2","_field_count":3}"#,
      ])
  }

  @Test("--create makes the table from header and values, and loads it")
  func create() async throws {
    let mesh = FakeMesh()
    let text = "n,x,ok,at,zip,gone\n1,1,true,2013-01-01T10:00:00Z,01234,NA\nNA,2.5,false,NA,9,\n"
    let outcome = try await withFile(Array(text.utf8)) { path in
      try await mesh.serve { url in
        try await runTool(["ingest", "t", path, "--create", "--null", "NA"], url: url)
      }
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    let columns = try #require(mesh.schemas["t"]?["columns"]?.array)
    #expect(
      columns.map { $0["type"]?.text } == [
        "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMPTZ", "VARCHAR", "VARCHAR",
      ])
    #expect(mesh.records.count == 2)
    #expect(mesh.records.first?.payload["zip"]?.text == "01234")
  }

  @Test("without --create a missing table is refused with a hint")
  func missingTable() async throws {
    let mesh = FakeMesh()
    let outcome = try await withFile(rows(1)) { path in
      try await mesh.serve { url in try await runTool(["ingest", "t", path], url: url) }
    }
    #expect(outcome.exitCode == .refused)
    #expect(outcome.errors.contains("--create"))
    #expect(outcome.errors.contains("TABLE_NOT_FOUND"))
  }

  @Test("a credential that may only write loads NDJSON, and is told why not CSV")
  func writerAlone() async throws {
    let mesh = FakeMesh(showsTables: false)
    mesh.addTable("t", [("id", "BIGINT")])
    let lines = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "-", "--format", "ndjson", "--key", "id"], url: url, input: "{\"id\":1}\n")
    }
    #expect(lines.exitCode == .done, "\(lines.errors)")
    #expect(mesh.records.map(\.key) == ["1"])
    let table = try await withFile(rows(1)) { path in
      try await mesh.serve { url in try await runTool(["ingest", "t", path], url: url) }
    }
    #expect(table.exitCode == .refused)
    #expect(table.errors.contains("FORBIDDEN"))
    #expect(table.errors.contains("query_reader"))
  }

  @Test("a column that the table lacks is named with its near spelling")
  func unknownColumn() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("names", "VARCHAR")])
    let outcome = try await withFile(rows(1)) { path in
      try await mesh.serve { url in try await runTool(["ingest", "t", path], url: url) }
    }
    #expect(outcome.exitCode == .badInput)
    #expect(outcome.errors.contains("has no column name; did you mean names?"))
    #expect(mesh.ingestBodies.isEmpty)
  }

  @Test("standard input needs --key, which makes the keys")
  func standardInput() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let text = #"{"id": 1, "name": "a|b"}"# + "\n\n" + #"{"name":"c","id":2}"#
    let refused = try await runTool(["ingest", "t", "-", "--format", "ndjson"], input: text)
    #expect(refused.exitCode == .usage)
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "-", "--format", "ndjson", "--key", "id,name"], url: url, input: text)
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(mesh.records.map(\.key) == [#"1|a\|b"#, "2|c"])
    #expect(mesh.records.map(\.payload.compactText).first == #"{"id":1,"name":"a|b"}"#)
  }

  @Test(
    "NDJSON that is no object, or lacks a key column, is named by its line",
    arguments: [
      ("{\"id\":1}\n[2]\n", "line 2: not a JSON object"),
      ("{\"id\":1}\n\n{\"id\":}\n", "line 3: not a JSON value"),
      ("{\"id\":1}\n{\"name\":\"x\"}\n", "line 2, column id: a key column without a value"),
    ])
  func badLines(text: String, expected: String) async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT")])
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "-", "--format", "ndjson", "--key", "id"], url: url, input: text)
    }
    #expect(outcome.exitCode == .badInput)
    #expect(outcome.errors.contains(expected), "\(outcome.errors)")
  }

  @Test("Ctrl-C in the middle exits 130 and says how to resume; the next run completes")
  func interruption() async throws {
    let stop = StopSignal()
    let mesh = FakeMesh(onIngest: { if $0 == 3 { stop.stop(.interrupted) } })
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let (first, second) = try await withFile(rows(500)) { path in
      try await mesh.serve { url in
        let arguments = ["ingest", "t", path, "--batch", "10", "--concurrency", "2"]
        let first = try await runTool(arguments, url: url, stop: stop)
        let second = try await runTool(arguments, url: url)
        return (first, second)
      }
    }
    #expect(first.exitCode == .interrupted)
    #expect(first.errors.contains("run the same command again"))
    #expect(second.exitCode == .done)
    #expect(mesh.records.compactMap { $0.payload["id"]?.integer }.sorted() == Array(1...500))
  }

  @Test("a stream that pauses has what came so far sent, without waiting for a full batch")
  func pausingStream() async throws {
    let pipe = Mutex<InputPipe?>(nil)
    // The stream goes on only once its first rows have reached the server.
    let mesh = FakeMesh(onIngest: { number in
      guard number == 0 else { return }
      pipe.withLock { pipe in
        pipe?.write("{\"id\":3}\n")
        pipe?.end()
      }
    })
    mesh.addTable("t", [("id", "BIGINT")])
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "-", "--format", "ndjson", "--key", "id", "--no-final-wait"], url: url,
        input: nil,
        onStart: { started in
          started.write("{\"id\":1}\n{\"id\":2}\n")
          pipe.withLock { $0 = started }
        })
    }
    #expect(outcome.exitCode == .done, "\(outcome.errors)")
    #expect(mesh.ingestBodies.map { $0["records"]?.array?.count } == [2, 1])
  }

  @Test(
    "Ctrl-C ends the waiting for a stream that gives nothing",
    arguments: [
      StopSignal.Reason.interrupted, .terminated,
    ])
  func silentStream(reason: StopSignal.Reason) async throws {
    let stop = StopSignal()
    let mesh = FakeMesh(onIngest: { _ in stop.stop(reason) })
    mesh.addTable("t", [("id", "BIGINT")])
    let pipe = Mutex<InputPipe?>(nil)
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "-", "--format", "ndjson", "--key", "id"], url: url, input: nil, stop: stop,
        onStart: { started in
          started.write("{\"id\":1}\n")
          pipe.withLock { $0 = started }
        })
    }
    pipe.withLock { $0?.end() }
    #expect(outcome.exitCode == (reason == .interrupted ? .interrupted : .terminated))
  }

  @Test("keys loaded before with other contents are explained")
  func keyReuse() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    let second = try await withFile(rows(3)) { path in
      try await mesh.serve { url in
        _ = try await runTool(["ingest", "t", path], url: url)
        return try await runTool(["ingest", "t", path, "--null", "n2"], url: url)
      }
    }
    #expect(second.exitCode == .refused)
    #expect(second.errors.contains("IDEMPOTENCY_KEY_REUSED"))
    #expect(second.errors.contains("other options"))
  }

  @Test("credential and tenant are sent and the credential is never shown")
  func credential() async throws {
    let mesh = FakeMesh()
    let outcome = try await mesh.serve { url in
      try await runTool(
        ["ingest", "t", "/nonexistent/file.csv"], url: url,
        environment: ["DUCKMESH_API_KEY": "s3cret", "DUCKMESH_TENANT": "acme"])
    }
    #expect(outcome.exitCode == .badInput)
    let lag = try await mesh.serve { url in
      try await runTool(
        ["lag"], url: url, environment: ["DUCKMESH_API_KEY": "s3cret", "DUCKMESH_TENANT": "acme"])
    }
    #expect(lag.output == "pending_events  7\n")
    #expect(mesh.lastHeaders["X-API-Key"] == "s3cret")
    #expect(mesh.lastHeaders["X-Tenant-ID"] == "acme")
    #expect(!(outcome.errors + outcome.output + lag.errors + lag.output).contains("s3cret"))
  }

  @Test("--wait and its time are asked of the server")
  func waiting() async throws {
    let mesh = FakeMesh()
    mesh.addTable("t", [("id", "BIGINT"), ("name", "VARCHAR")])
    _ = try await withFile(rows(1)) { path in
      try await mesh.serve { url in
        try await runTool(
          ["ingest", "t", path, "--wait", "--visibility-timeout-ms", "700"], url: url)
      }
    }
    #expect(mesh.ingestBodies.count == 1)
    #expect(mesh.ingestBodies.first?["wait_for_visibility"] == .boolean(true))
    #expect(mesh.ingestBodies.first?["visibility_timeout_ms"]?.integer == 700)
  }
}

import ControlTool
import HTTPClient
import Testing

@Suite("JSON")
struct JSONTests {
  @Test(
    "values keep number spelling, member order and every character",
    arguments: [
      #"{"b":9007199254740993,"a":[1.10,-0,1E+5,true,null,"x"]}"#, #"[]"#, #"{}"#, #""""#,
      #"{"a":{"a":{"a":[[["deep"]]]}}}"#,
    ])
  func roundTrip(text: String) throws {
    #expect(try JSONValue(parsing: text.utf8).compactText == text)
  }

  @Test("escapes are resolved, pairs of surrogates too, and halves replaced")
  func escapes() throws {
    let value = try JSONValue(parsing: #" "a\u00e9\ud83e\udd86\n\/\ud83eX" "#.utf8)
    #expect(value == .string("aé🦆\n/\u{FFFD}X"))
  }

  @Test(
    "what is no JSON is refused",
    arguments: [
      "", "{", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", "-", "+1", "nul", "\"a", "\"\\x\"",
      "\"\\u12g4\"",
      "\"\n\"", "1 2", "{\"a\":1,}", "[1 2]", "'a'", "NaN",
    ])
  func refused(text: String) {
    #expect(throws: JSONProblem.self) { try JSONValue(parsing: text.utf8) }
  }

  @Test("nesting beyond the limit is refused instead of overflowing the stack")
  func depth() {
    let text = String(repeating: "[", count: 100_000)
    #expect(throws: JSONProblem.self) { try JSONValue(parsing: text.utf8) }
  }

  @Test("bytes that are not UTF-8 are refused")
  func encoding() {
    #expect(throws: JSONProblem.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
  }
}

@Suite("Retry policy")
struct RetryPolicyTests {
  @Test("the wait doubles up to its limit, between a half and the whole of it")
  func growth() {
    let policy = RetryPolicy()
    let longest = (1...9).map {
      policy.delayMs(afterAttempt: $0, retryAfterMs: nil, random: 0.9999)
    }
    #expect(longest == [199, 399, 799, 1_599, 3_199, 6_399, 9_999, 9_999, 9_999])
    #expect(policy.delayMs(afterAttempt: 1, retryAfterMs: nil, random: 0) == 100)
    #expect(policy.delayMs(afterAttempt: 10, retryAfterMs: nil, random: 0) == nil)
  }

  @Test("a server's wish is a lower bound, within a limit")
  func retryAfter() {
    let policy = RetryPolicy()
    #expect(policy.delayMs(afterAttempt: 1, retryAfterMs: 3_000, random: 0.5) == 3_000)
    #expect(policy.delayMs(afterAttempt: 1, retryAfterMs: 3_600_000, random: 0.5) == 60_000)
    #expect(RetryPolicy.retryAfterMs("2") == 2_000)
    #expect(RetryPolicy.retryAfterMs("-2") == nil)
    #expect(RetryPolicy.retryAfterMs("Wed, 21 Oct 2026 07:28:00 GMT") == nil)
  }

  @Test("errors of the request itself are not tried again, those of the way are")
  func choice() {
    func refusal(_ status: Int, _ body: String = "") -> ServerRefusal {
      ServerRefusal(status: status, body: Array(body.utf8), traceID: nil)
    }
    for status in [429, 502, 503, 504] { #expect(RetryPolicy.isWorthRetrying(refusal(status))) }
    for status in [400, 401, 403, 404, 409, 413, 500] {
      #expect(!RetryPolicy.isWorthRetrying(refusal(status)))
    }
    #expect(RetryPolicy.isWorthRetrying(refusal(410, #"{"error_code":"X","retryable":true}"#)))
    #expect(RetryPolicy.isWorthRetrying(.connectionLost(detail: "")))
    #expect(RetryPolicy.isWorthRetrying(.timedOut(requestSent: true)))
    #expect(!RetryPolicy.isWorthRetrying(.tlsFailed(detail: "")))
    #expect(!RetryPolicy.isWorthRetrying(.closed))
  }
}

@Suite("Idempotency keys")
struct IdempotencyKeyTests {
  private func key(_ values: String...) -> String {
    String(decoding: IdempotencyKey.joining(values.map { Array($0.utf8) }), as: UTF8.self)
  }

  @Test("different values never give the same key")
  func injective() {
    let alphabet = ["", "a", "|", "\\", "\\|", "|\\", "a|", "\\a"]
    var seen: [String: [String]] = [:]
    for first in alphabet {
      for second in alphabet {
        for third in alphabet {
          let key = key(first, second, third)
          #expect(seen.updateValue([first, second, third], forKey: key) == nil, "\(key)")
        }
      }
    }
  }

  @Test("one value stands for itself, and a long key becomes a digest within the limit")
  func forms() {
    #expect(key("a|b") == "a|b")
    #expect(key(String(repeating: "x", count: 512)).count == 512)
    let long = key(String(repeating: "x", count: 513))
    #expect(long.hasPrefix("sha256:"))
    #expect(long.utf8.count == 71)
    #expect(long != key(String(repeating: "x", count: 514)))
  }
}

@Suite("Batches")
struct BatchBuilderTests {
  @Test("a record whose payload fails leaves nothing behind")
  func failedRecord() throws {
    struct Refused: Error {}
    var builder = BatchBuilder(BatchBuilder.Options())
    #expect(throws: Refused.self) {
      try builder.append(line: 1, key: [0x61]) { (body) throws(Refused) in
        body += "{half".utf8
        throw Refused()
      }
    }
    builder.append(line: 2, key: [0x62]) { $0 += "{}".utf8 }
    #expect(throws: Refused.self) {
      try builder.append(line: 3, key: [0x63]) { (_) throws(Refused) in throw Refused() }
    }
    builder.append(line: 4, key: Array("d\"".utf8)) { $0 += "{}".utf8 }
    let batch = builder.finish(consumedByteCount: 9)
    #expect(batch.lines == [2, 4])
    let value = try JSONValue(parsing: batch.body)
    #expect(value["records"]?.array?.map { $0["idempotency_key"]?.text } == ["b", "d\""])
    #expect(builder.recordCount == 0)
  }

  @Test("a batch is full by count or by bytes")
  func full() {
    var options = BatchBuilder.Options()
    options.maximumRecords = 2
    options.maximumBytes = 1_000
    var builder = BatchBuilder(options)
    builder.append(line: 1, key: [0x61]) { $0 += "{}".utf8 }
    #expect(!builder.isFull)
    builder.append(line: 2, key: [0x62]) { $0 += "{}".utf8 }
    #expect(builder.isFull)
    _ = builder.finish(consumedByteCount: 0)
    builder.append(line: 3, key: [0x63]) { $0 += Array(repeating: 0x20, count: 1_000) }
    #expect(builder.isFull)
  }
}

@Suite("What people see")
struct DisplayTests {
  @Test("a table aligns numbers right, wide characters too, and makes control characters harmless")
  func table() {
    let table = TextTable(columns: [.init(title: "name"), .init(title: "n", isNumeric: true)])
    #expect(
      table.render([["é", "1"], ["鴨", "336"], ["a\u{1B}[2J\n", "-5"]]) == """
         name         │   n
        ──────────────┼─────
         é            │   1
         鴨           │ 336
         a\\u{1B}[2J\\n │  -5

        """)
  }

  @Test("a cell over the limit is shortened to it")
  func shortened() {
    let table = TextTable(columns: [.init(title: "t")], maximumCellWidth: 5)
    #expect(table.render([["abcdefgh"], ["abcde"]]).contains(" abcd…\n abcde\n"))
  }

  @Test("progress shows share, rows, speed and time left")
  func progress() {
    let line = ProgressLine(label: "flights", totalBytes: 1_000)
    #expect(
      line.text(rows: 12_500, contentBytes: 250, seconds: 2)
        == "flights  25% [######------------------] 12,500 rows  6,250 rows/s  6 s left")
    let unknown = ProgressLine(label: "events", totalBytes: nil)
    #expect(
      unknown.text(rows: 1_234_567, contentBytes: 9, seconds: 0)
        == "events  1,234,567 rows  0 rows/s")
  }

  @Test("parameters are numbers, truths or NULL when they look so, and text otherwise")
  func params() {
    #expect(QueryRequest.param("a=5")?.value == .number("5"))
    #expect(QueryRequest.param("a=true")?.value == .boolean(true))
    #expect(QueryRequest.param("a=null")?.value == .null)
    #expect(QueryRequest.param("a=UA")?.value == .string("UA"))
    #expect(QueryRequest.param("a=\"42\"")?.value == .string("42"))
    #expect(QueryRequest.param("a=[1]")?.value == .string("[1]"))
    #expect(QueryRequest.param("a=b=c")?.value == .string("b=c"))
    #expect(QueryRequest.param("a=")?.value == .string(""))
    #expect(QueryRequest.param("a") == nil)
    #expect(QueryRequest.param("=a") == nil)
  }

  @Test("a column declaration may hold a type of several words")
  func declarations() {
    let column = TableSchema.Column(declaration: "at TIMESTAMP WITH TIME ZONE NOT NULL")
    #expect(
      column == .init(name: "at", typeName: "TIMESTAMP WITH TIME ZONE", isNullable: false))
    #expect(TableSchema.Column(declaration: "n DECIMAL(18, 2)")?.typeName == "DECIMAL(18, 2)")
    #expect(TableSchema.Column(declaration: "n") == nil)
    #expect(TableSchema.Column(declaration: "n not null") == nil)
  }
}

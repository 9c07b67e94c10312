import Edge
import Model
import Testing

/// Bodies of lines, however they arrive.
@Suite struct BatchReaderTests {
  private static func table() throws -> IngestTable {
    try EdgeFixture.table([
      ColumnDefinition(name: "id", type: .bigint, isNullable: false),
      ColumnDefinition(name: "name", type: .varchar),
      ColumnDefinition(name: "price", type: .decimal(precision: 10, scale: 2)),
      ColumnDefinition(name: "ok", type: .boolean),
      ColumnDefinition(name: "doc", type: .json),
    ])
  }

  private struct Outcome: Equatable {
    var payloads: [String] = []
    var rejections: [String?] = []
    var violations: [RecordViolation] = []
  }

  private func read(
    _ body: [UInt8], _ format: BatchReader.Format, longestRecord: Int = 1 << 20,
    limits: IngestLimits = IngestLimits(), piece: () -> Int = { .max }
  ) throws(BatchError) -> Outcome {
    let table: IngestTable
    do { table = try Self.table() } catch { preconditionFailure("\(error)") }
    let reader = BatchReader(
      format: format, table: table, limits: limits, longestRecord: longestRecord)
    var outcome = Outcome()
    func take(_ records: [BatchRecord]) {
      outcome.payloads += records.map { String(decoding: $0.payload, as: UTF8.self) }
      outcome.rejections += records.map(\.rejection)
    }
    var rest = body[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(piece()))
      rest = rest.dropFirst(part.count)
      let result = part.withUnsafeBytes { bytes in
        Result { () throws(BatchError) in try reader.read(bytes) }
      }
      take(try result.get())
    }
    take(try reader.finish())
    outcome.violations = reader.violations
    #expect(reader.recordCount == outcome.payloads.count)
    #expect(reader.badRecordCount == outcome.rejections.count { $0 != nil })
    return outcome
  }

  @Test func aLineIsAPayloadAndBlankLinesAreNone() throws {
    let outcome = try read(
      Array("\u{FEFF}{\"id\":1}\r\n\n \t\n{\"id\":2.0,\"doc\":{\"a\":[1]}}\n{\"id\":3}".utf8),
      .ndjson)
    #expect(
      outcome.payloads
        == ["{\"id\":1}", "{\"id\":2,\"doc\":\"{\\\"a\\\":[1]}\"}", "{\"id\":3}"])
    #expect(outcome.violations.isEmpty)
  }

  @Test func badLinesAreNamedByTheirPlaceAndKeepIt() throws {
    let outcome = try read(
      Array(
        """
        {"id":1}
        {"id":"x"}
        nonsense

        {"id":5}
        [1]
        {"id":7,"id":8}
        {"id":9,"nam":"y"}
        """.utf8), .ndjson)
    #expect(
      outcome.rejections.map { $0 == nil } == [true, false, false, true, false, false, false])
    #expect(outcome.violations.map(\.recordIndex) == [1, 2, 4, 5, 6])
    #expect(outcome.violations.map(\.line) == [2, 3, 6, 7, 8])
    #expect(outcome.violations[4].expected.contains("name"))
    // What is no JSON is kept as a JSON string.
    #expect(outcome.payloads[2] == "\"nonsense\"")
  }

  /// Records are read as one array: what would shift its elements must not pass.
  @Test func aLineBreakInsideAStringOrAListOfValuesOnALineIsNoRecord() throws {
    for body in [
      "{\"id\":1,\"name\":\"a\nb\"}\n{\"id\":2}\n",
      "{\"id\":1},{\"id\":2}\n{\"id\":3,\"name\":\"x\ny\"}\n",
      "{\"id\":1}\n{\"id\":2},\n{\"id\":3}\n", "{\"id\":1}]\n[{\"id\":2}\n",
    ] {
      let outcome = try read(Array(body.utf8), .ndjson)
      #expect(outcome.rejections.contains { $0 != nil }, "\(body)")
      let lines = body.split(separator: "\n").count
      #expect(outcome.payloads.count == lines, "\(body)")
    }
  }

  @Test(arguments: 1...20)
  func piecesOfAnySizeGiveTheSameRecords(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var ndjson = ""
    var csv = "id,name,price,ok,doc\n"
    for index in 0..<200 {
      let name = ["é", "a\\nb", "", "\u{1F600}x"][random.below(4)]
      let id = random.chance(10) ? "\"bad\"" : "\(index)"
      ndjson += "{\"id\":\(id),\"name\":\"\(name)\"}" + ["\n", "\r\n", "\n\n"][random.below(3)]
      let field = ["plain", "\"a,b\"", "\"line\nbreak\"", "\"say \"\"x\"\"\"", "", "\"\""][
        random.below(6)]
      csv += "\(random.chance(10) ? "bad" : "\(index)"),\(field),1.5,true,\n"
    }
    for (body, format) in [(ndjson, BatchReader.Format.ndjson), (csv, .csv)] {
      let whole = try read(Array(body.utf8), format)
      let pieces = try read(Array(body.utf8), format, piece: { 1 + random.below(40) })
      #expect(whole == pieces)
      #expect(whole.payloads.count == 200)
    }
  }

  @Test func csvFieldsBecomeWhatTheirColumnsTake() throws {
    let outcome = try read(
      Array(
        """
        id,name,price,ok,doc
        1,"a ""q"", b",1.50,true,"{""k"":[1]}"
        2,,,,
        3,"",7,FALSE,text
        -4,05,1e1,,null
        """.utf8), .csv)
    #expect(outcome.rejections.allSatisfy { $0 == nil })
    #expect(
      outcome.payloads == [
        #"{"id":1,"name":"a \"q\", b","price":1.50,"ok":true,"doc":"{\"k\":[1]}"}"#,
        #"{"id":2,"name":null,"price":null,"ok":null,"doc":null}"#,
        #"{"id":3,"name":"","price":7,"ok":false,"doc":"\"text\""}"#,
        #"{"id":-4,"name":"05","price":"10","ok":null,"doc":null}"#,
      ])
  }

  @Test func csvIsHeldToWhatAJSONRequestIsHeldTo() throws {
    let outcome = try read(
      Array("id,name,ok\n05,a,true\n1.5,b,true\n,c,true\n4,d,yes\n5,e\n6,f,true,g\n7,h,\n".utf8),
      .csv)
    #expect(outcome.violations.map(\.line) == [2, 3, 4, 5, 6, 7])
    #expect(outcome.violations.map(\.column) == ["id", "id", "id", "ok", "", ""])
    #expect(outcome.rejections.last == .some(nil))
  }

  @Test(
    arguments: [
      ("", BatchError.headerMissing), ("id,id\n1,2\n", .columnTwice(name: "id")),
      ("id,nme\n", .unknownColumn(name: "nme", suggestion: "name")),
      ("id,name\n1,\"open\n2,b\n", .quoteNotClosed(line: 2)),
      ("id,name\n1,a\"b\"\n", .strayQuote(line: 2)), ("id,name\n1,\"a\"b\n", .strayQuote(line: 2)),
    ])
  func aCSVBodyThatReadersCouldReadInTwoWaysIsRefused(body: String, error: BatchError) {
    #expect(throws: error) { _ = try read(Array(body.utf8), .csv) }
  }

  @Test func aRecordAboveItsBoundIsRefusedAlsoWhenItComesWhole() {
    let body = Array(
      "{\"id\":1}\n{\"id\":2,\"name\":\"\(String(repeating: "a", count: 2_000))\"}\n".utf8)
    #expect(throws: BatchError.recordTooLong(line: 2, maximum: 1_000)) {
      _ = try read(body, .ndjson, longestRecord: 1_000)
    }
    let rows = Array("id,name\n1,b\n2,\(String(repeating: "a", count: 2_000))\n3,c\n".utf8)
    #expect(throws: BatchError.recordTooLong(line: 3, maximum: 1_000)) {
      _ = try read(rows, .csv, longestRecord: 1_000)
    }
  }

  @Test func aRecordAboveItsBoundIsRefusedBeforeItIsWhole() {
    let body =
      Array("{\"id\":1}\n{\"id\":2,\"name\":\"".utf8) + [UInt8](repeating: 97, count: 5_000)
    #expect(throws: BatchError.recordTooLong(line: 2, maximum: 1_000)) {
      _ = try read(body, .ndjson, longestRecord: 1_000, piece: { 100 })
    }
  }

  @Test func violationsAreCountedAllAndListedUpToTheirBound() throws {
    let body = (0..<50).map { _ in "{\"id\":null}\n" }.joined()
    let outcome = try read(
      Array(body.utf8), .ndjson, limits: IngestLimits(listedViolations: 10), piece: { 30 })
    #expect(outcome.violations.count == 10)
    #expect(outcome.rejections.count { $0 != nil } == 50)
  }
}

import Model
import SimdJSON

/// Reads the records of a body of lines as it arrives: NDJSON, one payload a line, or CSV.
///
/// Every byte and every value is held to what a JSON request's are. Records keep their order; a bad
/// one is handed on as such, and its violations are kept up to a bound. Used by one caller at a
/// time.
package final class BatchReader: @unchecked Sendable {  // one caller at a time, on any thread
  package enum Format: Sendable {
    case ndjson, csv
  }

  package private(set) var recordCount = 0
  package private(set) var violations: [RecordViolation] = []
  package private(set) var violationCount = 0
  package private(set) var badRecordCount = 0

  private let format: Format
  private let table: IngestTable
  private let operation: IngestOperation
  private let limits: IngestLimits
  private let longestRecord: Int
  private let parsers: JSONParserPool
  private var splitter: RecordSplitter
  private var csv: CSVBlockEncoder?
  private var line = 1
  private var isAtStart = true

  /// - Parameter longestRecord: bytes of one record, and of what a CSV header may have.
  package init(
    format: Format, table: IngestTable, operation: IngestOperation = .insert,
    limits: IngestLimits, longestRecord: Int
  ) {
    self.format = format
    self.table = table
    self.operation = operation
    self.limits = limits
    self.longestRecord = longestRecord
    splitter = RecordSplitter(hasQuotes: format == .csv)
    // A block is read as one array around its records.
    parsers = JSONParserPool(
      limits: JSONLimits(depth: limits.json.depth + 1, tokens: limits.json.tokens))
  }

  /// Takes the next bytes of the body.
  ///
  /// - Returns: the records that are whole by now.
  package func read(_ bytes: UnsafeRawBufferPointer) throws(BatchError) -> [BatchRecord] {
    let block = splitter.append(bytes)
    guard splitter.rest.count <= longestRecord else {
      let lines = (block ?? []).count { $0 == 0x0A }
      throw .recordTooLong(line: line + lines, maximum: longestRecord)
    }
    guard let block else { return [] }
    return try read(block: block)
  }

  /// The body is at its end.
  package func finish() throws(BatchError) -> [BatchRecord] {
    guard !splitter.endsQuoted else { throw .quoteNotClosed(line: line) }
    let records = try read(block: splitter.finish())
    if format == .csv, csv == nil { throw .headerMissing }
    return records
  }

  private func read(block: [UInt8]) throws(BatchError) -> [BatchRecord] {
    var text = block[...]
    if isAtStart, !text.isEmpty {
      isAtStart = false
      // A byte order mark means nothing in UTF-8, and some programs write one.
      if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    }
    switch format {
    case .ndjson: return try read(lines: text)
    case .csv: return try read(csv: text)
    }
  }

  // MARK: NDJSON

  private func read(lines text: ArraySlice<UInt8>) throws(BatchError) -> [BatchRecord] {
    var array = RecordArray(capacity: text.count + 2)
    var tooLong: Int?
    text.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
        let record = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        guard record.count <= longestRecord else {
          tooLong = line
          return
        }
        if record.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) {
          array.append(record, line: line)
        }
        line += 1
        start = end + 1
      }
    }
    if let tooLong { throw .recordTooLong(line: tooLong, maximum: longestRecord) }
    return read(array)
  }

  // MARK: CSV

  private func read(csv text: ArraySlice<UInt8>) throws(BatchError) -> [BatchRecord] {
    var rows = text
    if csv == nil {
      guard let header = CSVBlockEncoder.nextRow(of: rows, isWhole: true) else { return [] }
      try checkLength(of: rows[..<header.end])
      guard !header.hasStrayQuote else { throw .strayQuote(line: line) }
      csv = try CSVBlockEncoder(header: header.fields, table: table)
      line += header.lines
      rows = rows[header.end...]
    }
    guard let csv else { return [] }
    var array = RecordArray(capacity: text.count * 2)
    var misfits: [Int: String] = [:]
    while let row = CSVBlockEncoder.nextRow(of: rows, isWhole: true) {
      try checkLength(of: rows[..<row.end])
      guard !row.hasStrayQuote else { throw .strayQuote(line: line) }
      if row.isBlank {
        line += row.lines
        rows = rows[row.end...]
        continue
      }
      if let misfit = csv.misfit(row.fields) { misfits[array.count] = misfit }
      array.append(line: line) { csv.append(row.fields, to: &$0) }
      line += row.lines
      rows = rows[row.end...]
    }
    return read(array, misfits: misfits)
  }

  private func checkLength(of row: ArraySlice<UInt8>) throws(BatchError) {
    // Its line break does not count.
    guard row.count <= longestRecord + 2 else {
      throw .recordTooLong(line: line, maximum: longestRecord)
    }
  }

  // MARK: Records

  /// - Parameter misfits: what is wrong with a record before its values are looked at.
  private func read(_ array: RecordArray, misfits: [Int: String] = [:]) -> [BatchRecord] {
    guard array.count > 0 else { return [] }
    let closed = array.closed()
    let whole: [BatchRecord]? = closed.withUnsafeBytes { text in
      parsers.withTokens(of: text) { parsed in
        guard let tokens = try? parsed.get() else { return nil }
        return records(tokens, of: array, misfits: misfits)
      }
    }
    if let whole { return whole }
    // Some record is no JSON: each by itself tells which.
    return array.ranges.indices.map { index in
      let range = array.ranges[index]
      return Array(closed[range]).withUnsafeBytes { text in
        record(alone: text, line: array.lines[index], misfit: misfits[index])
      }
    }
  }

  /// - Returns: nil when the array's elements are not the records one by one.
  private func records(
    _ tokens: JSONTokens, of array: RecordArray, misfits: [Int: String]
  ) -> [BatchRecord]? {
    guard tokens[0].kind == .array, tokens[0].next == tokens.count else { return nil }
    var places: [Int] = []
    places.reserveCapacity(array.count)
    var element = 1
    while element < tokens.count {
      guard places.count < array.count else { return nil }
      let token = tokens[element]
      let range = array.ranges[places.count]
      // A line break that a record has swallowed would shift what follows.
      guard token.offset >= range.lowerBound, token.offset + token.length <= range.upperBound
      else { return nil }
      places.append(element)
      element = token.next
    }
    guard places.count == array.count else { return nil }
    var reader = PayloadReader(
      tokens: tokens, table: table,
      listedViolations: max(1, limits.listedViolations - violations.count))
    var records: [BatchRecord] = []
    records.reserveCapacity(places.count)
    for (index, place) in places.enumerated() {
      records.append(
        record(
          at: place, of: tokens, &reader, line: array.lines[index], misfit: misfits[index]))
    }
    return records
  }

  private func record(
    alone text: UnsafeRawBufferPointer, line: Int, misfit: String?
  ) -> BatchRecord {
    parsers.withTokens(of: text) { parsed in
      switch parsed {
      case .success(let tokens):
        var reader = PayloadReader(
          tokens: tokens, table: table,
          listedViolations: max(1, limits.listedViolations - violations.count))
        return record(at: 0, of: tokens, &reader, line: line, misfit: misfit)
      case .failure(let error):
        return bad(
          Self.quoted(text), line: line, [("", "a JSON object on one line", error.explanation)])
      }
    }
  }

  private func record(
    at place: Int, of tokens: JSONTokens, _ reader: inout PayloadReader, line: Int,
    misfit: String?
  ) -> BatchRecord {
    let token = tokens[place]
    guard token.kind == .object else {
      return bad(
        Self.quoted(tokens.bytes(of: token)), line: line,
        [("", "a JSON object", "another value")])
    }
    let payload = Array(tokens.bytes(of: token))
    if let misfit { return bad(payload, line: line, [("", "a field for each column", misfit)]) }
    do throws(JSONSyntaxError) {
      // What names a member twice is read differently by different readers.
      try tokens.withCanonicalBytes(of: place) { _ in }
    } catch {
      return bad(payload, line: line, [("", "a JSON object", error.explanation)])
    }
    let known = reader.output.violations.count
    let countBefore = reader.output.violationCount
    let result = reader.read(
      payload: place, eventTime: 0, operation: operation, recordIndex: recordCount)
    guard result.isValid else {
      let found = reader.output.violations[known...].map { ($0.column, $0.expected, $0.got) }
      return bad(
        payload, line: line, found, count: reader.output.violationCount - countBefore)
    }
    recordCount += 1
    guard result.text.source == .rewritten else { return BatchRecord(payload: payload) }
    return BatchRecord(payload: Array(reader.output.rewritten[result.text.indices]))
  }

  private func bad(
    _ payload: [UInt8], line: Int, _ found: [(column: String, expected: String, got: String)],
    count: Int = 1
  ) -> BatchRecord {
    let index = recordCount
    recordCount += 1
    badRecordCount += 1
    violationCount += count
    let listed = found.map {
      RecordViolation(
        recordIndex: index, line: line, column: $0.column, expected: $0.expected, got: $0.got)
    }
    let room = max(0, limits.listedViolations - violations.count)
    violations += listed.prefix(room)
    return BatchRecord(
      payload: payload, rejection: listed.map(\.message).joined(separator: "; "))
  }

  /// Text that is no JSON, as a JSON string.
  private static func quoted(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var quoted: [UInt8] = []
    // Repaired where it is not UTF-8.
    var repaired = String(decoding: text, as: UTF8.self)
    repaired.withUTF8 { JSONText.appendQuoted(UnsafeRawBufferPointer($0), to: &quoted) }
    return quoted
  }
}

/// Records written one after the other as the elements of a JSON array.
struct RecordArray {
  private var bytes: [UInt8]
  private(set) var ranges: [Range<Int>] = []
  /// Where each record begins in the body.
  private(set) var lines: [Int] = []

  init(capacity: Int) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  var count: Int { ranges.count }

  mutating func append(_ record: UnsafeRawBufferPointer, line: Int) {
    append(line: line) { $0.append(contentsOf: record) }
  }

  mutating func append(line: Int, _ write: (inout [UInt8]) -> Void) {
    bytes.append(ranges.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
    let start = bytes.count
    write(&bytes)
    ranges.append(start..<bytes.count)
    lines.append(line)
  }

  func closed() -> [UInt8] { bytes + [UInt8(ascii: "]")] }
}

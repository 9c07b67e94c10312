/// The names of a CSV input's columns.
package enum CSVHeader {
  package struct Options: Sendable, Equatable {
    package var delimiter: UInt8 = 0x2C
    /// The first record is data.
    package var isAbsent = false
    /// Takes the place of the header's own names.
    package var names: [String]?

    package init() {}
  }

  /// Reads the header, if there is one, and gives the names that hold.
  ///
  /// - Throws: `badRow` for an empty input, an empty or repeated name, or a wrong number of names.
  package static func names(
    _ reader: CSVReader, _ options: Options, sourceName: String
  ) throws(ToolFailure) -> [String] {
    func problem(_ line: Int, _ reason: String) -> ToolFailure {
      .badRow(InputProblem(source: sourceName, line: line, column: nil, reason: reason))
    }
    if options.isAbsent, let names = options.names { return names }
    let header = try reader.next { (bytes, fields, line) throws(ToolFailure) in
      var names: [String] = []
      for field in fields {
        let raw = UnsafeBufferPointer(rebasing: bytes[field.range])
        let text = field.hasDoubledQuotes ? CSVRowEncoder.withoutDoubledQuotes(raw) : Array(raw)
        guard let name = String(validating: text, as: UTF8.self) else {
          throw problem(line, "the header is not UTF-8")
        }
        names.append(name.trimmedOfSpaces())
      }
      return (line: line, names: names)
    }
    guard let header else { throw problem(1, "the input is empty; a header line was expected") }
    if let names = options.names {
      guard names.count == header.names.count else {
        throw problem(
          header.line, "--columns gives \(names.count) names to \(header.names.count) columns")
      }
      return names
    }
    if let index = header.names.firstIndex(of: "") {
      throw problem(header.line, "column \(index + 1) has no name in the header; use --columns")
    }
    var seen: Set<String> = []
    for name in header.names where !seen.insert(name).inserted {
      throw problem(header.line, "the header names \(Printable.line(name)) twice; use --columns")
    }
    return header.names
  }
}

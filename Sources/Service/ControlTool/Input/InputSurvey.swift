/// What a first pass over a file finds out.
package struct InputSurvey: Sendable, Equatable {
  /// SHA-256 of the content, decompressed: the same rows compressed otherwise have the same keys.
  package let contentDigest: String
  package let contentByteCount: Int
  /// DuckDB types by column, when they were asked for.
  package let typeNames: [String]

  /// Reads the source to its end and rewinds it.
  ///
  /// - Throws: `unreadableInput`, `interrupted`.
  package static func digesting(_ source: ByteSource, stop: StopSignal) throws(ToolFailure)
    -> InputSurvey
  {
    let digest = ContentDigest()
    source.digest = digest
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_048_576, alignment: 16)
    defer { buffer.deallocate() }
    while try source.read(into: buffer) > 0 {
      if let reason = stop.reason { throw .interrupted(by: reason) }
    }
    return try finish(source, digest, typeNames: [])
  }

  /// Reads all CSV records as well, and infers the type of each named column.
  ///
  /// - Throws: `badRow`, `unreadableInput`, `interrupted`.
  package static func inferring(
    _ source: ByteSource, header: CSVHeader.Options, nulls: NullSpelling, stop: StopSignal
  ) throws(ToolFailure) -> (InputSurvey, columnNames: [String]) {
    let digest = ContentDigest()
    source.digest = digest
    let reader = try CSVReader(source, delimiter: header.delimiter)
    let names = try CSVHeader.names(reader, header, sourceName: source.name)
    var columns = names.map { _ in TypeInference() }
    var rows = 0
    while true {
      let found: Void? = try reader.next { (bytes, fields, _) throws(ToolFailure) in
        for index in 0..<min(fields.count, columns.count) {
          let field = fields[index]
          let raw = UnsafeBufferPointer(rebasing: bytes[field.range])
          if !nulls.matches(raw, isQuoted: field.isQuoted) { columns[index].observe(raw) }
        }
      }
      if found == nil { break }
      rows += 1
      if rows % 4_096 == 0, let reason = stop.reason { throw .interrupted(by: reason) }
    }
    let survey = try finish(source, digest, typeNames: columns.map(\.typeName))
    return (survey, names)
  }

  private static func finish(
    _ source: ByteSource, _ digest: ContentDigest, typeNames: [String]
  ) throws(ToolFailure) -> InputSurvey {
    source.digest = nil
    try source.rewind()
    return InputSurvey(
      contentDigest: digest.finish(), contentByteCount: digest.byteCount, typeNames: typeNames)
  }
}

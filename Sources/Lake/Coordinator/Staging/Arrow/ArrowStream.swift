import DuckDB
import Glibc
import Model

/// An Arrow IPC stream in a file: its schema, and its record batches one after the other.
///
/// One message is in memory at a time, besides the dictionaries. The format:
/// https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
final class ArrowStream {
  private enum MessageKind {
    static let schema: UInt8 = 1
    static let dictionaryBatch: UInt8 = 2
    static let recordBatch: UInt8 = 3
  }

  private struct Message {
    let kind: UInt8
    let header: FlatTable
    let body: MessageBody
  }

  private static let longestMetadata = 16 << 20
  private static let longestBody = 512 << 20
  private static let dictionaryBytes = 256 << 20

  private let file: UnsafeMutablePointer<FILE>
  let fields: [ArrowField]

  /// Reads the schema.
  init(path: String) throws(ArrowStreamError) {
    guard let file = fopen(path, "r") else { throw .cut }
    do throws(ArrowStreamError) {
      guard let message = try Self.next(of: file), message.kind == MessageKind.schema else {
        throw .malformed
      }
      guard try message.header.number(0, as: Int16.self) == 0 else {
        throw .unsupported("a stream of big-endian numbers")
      }
      var fields: [ArrowField] = []
      for field in try message.header.tables(1) { fields.append(try ArrowField(field)) }
      self.fields = fields
      self.file = file
    } catch {
      fclose(file)
      throw error
    }
  }

  deinit { fclose(file) }

  /// Makes a table of the stream's columns and appends all of its rows in their order.
  func load(into table: String, on connection: DuckDBConnection) throws {
    guard !fields.isEmpty else { throw ArrowStreamError.unsupported("a stream without columns") }
    guard Set(fields.map { $0.name.lowercased() }).count == fields.count else {
      throw ArrowStreamError.unsupported("a name that two columns have")
    }
    let columns = fields.map { field in
      // No column of a table has the type of nothing; a text's null can become any type's.
      let type = field.layout == .null ? "VARCHAR" : field.sqlType
      return "\(SQLText.identifier(field.name)) \(type)"
    }
    try connection.execute("CREATE TEMP TABLE \(table)(\(columns.joined(separator: ", ")))")
    let reader = try DuckDBArrowReader(connection, fields: fields.map(\.duckDB))
    let appender = try DuckDBAppender(connection, table: table)
    var dictionaries: [Int64: DuckDBArrowColumn] = [:]
    var kept: [MessageBody] = []
    var keptBytes = 0
    while let message = try Self.next(of: file) {
      switch message.kind {
      case MessageKind.dictionaryBatch:
        keptBytes += message.body.bytes.count
        guard keptBytes <= Self.dictionaryBytes else {
          throw ArrowStreamError.tooLarge("what its dictionaries hold")
        }
        kept.append(message.body)
        try read(message, into: &dictionaries)
      case MessageKind.recordBatch:
        let batch = try ArrowBatch(
          message.header, body: message.body.bytes, fields: fields, dictionaries: dictionaries)
        try withExtendedLifetime((message, kept)) {
          for start in stride(from: 0, to: batch.length, by: DuckDBArrowReader.capacity) {
            let end = min(start + DuckDBArrowReader.capacity, batch.length)
            try reader.append(batch.columns, rows: start..<end, to: appender)
          }
        }
      default: throw ArrowStreamError.malformed
      }
    }
    try appender.finish()
  }

  private func read(
    _ message: Message, into dictionaries: inout [Int64: DuckDBArrowColumn]
  ) throws(ArrowStreamError) {
    guard try !message.header.flag(2) else { throw .unsupported("a dictionary that grows") }
    let id = try message.header.number(0, as: Int64.self)
    guard let data = try message.header.table(1), let values = Self.values(of: id, in: fields)
    else { throw .malformed }
    let batch = try ArrowBatch(
      data, body: message.body.bytes, fields: [values], dictionaries: dictionaries)
    dictionaries[id] = batch.columns[0]
  }

  private static func values(of id: Int64, in fields: [ArrowField]) -> ArrowField? {
    for field in fields {
      if field.dictionaryID == id { return field.values.first }
      if let found = values(of: id, in: field.children) { return found }
    }
    return nil
  }

  /// - Returns: nil at the end of the stream.
  private static func next(
    of file: UnsafeMutablePointer<FILE>
  ) throws(ArrowStreamError) -> Message? {
    var word: UInt32 = 0
    let count = fread(&word, 1, 4, file)
    if count == 0 { return nil }
    guard count == 4 else { throw .cut }
    // Older writers leave the mark out and begin with the length.
    if word == 0xFFFF_FFFF { guard fread(&word, 1, 4, file) == 4 else { throw .cut } }
    let metadataBytes = Int(Int32(bitPattern: UInt32(littleEndian: word)))
    if metadataBytes == 0 { return nil }
    guard metadataBytes > 0 else { throw .malformed }
    guard metadataBytes <= longestMetadata else { throw .tooLarge("the head of a message") }
    let metadata = [UInt8](unsafeUninitializedCapacity: metadataBytes) { buffer, initialized in
      initialized = fread(buffer.baseAddress, 1, metadataBytes, file)
    }
    guard metadata.count == metadataBytes else { throw .cut }
    let root = try FlatTable(root: metadata)
    let bodyBytes = Int(try root.number(3, as: Int64.self))
    guard bodyBytes >= 0 else { throw .malformed }
    guard bodyBytes <= longestBody else { throw .tooLarge("a record batch") }
    guard let header = try root.table(2) else { throw .malformed }
    let body = MessageBody(byteCount: bodyBytes)
    guard body.fill(from: file) else { throw .cut }
    return Message(
      kind: try root.number(1, as: UInt8.self), header: header, body: body)
  }
}

/// The body of a message, where Arrow's buffers are aligned as they must be.
final class MessageBody {
  private let memory: UnsafeMutableRawBufferPointer
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<byteCount])
  }
  private let byteCount: Int

  /// - Returns: whether all of it was there.
  func fill(from file: UnsafeMutablePointer<FILE>) -> Bool {
    fread(memory.baseAddress, 1, byteCount, file) == byteCount
  }

  init(byteCount: Int) {
    self.byteCount = byteCount
    memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(64, byteCount), alignment: 64)
  }

  deinit { memory.deallocate() }
}

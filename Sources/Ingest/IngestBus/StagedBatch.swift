import Model

/// A batch of events whose rows stand in files of an upload already.
///
/// Position i of the batch, from 0, has the token `first + i`. The rows of the files, one file
/// after the other, are the positions that are not rejected, in order: so a table that needs to
/// know which row has which token can tell.
package struct StagedBatch: Sendable, Equatable {
  /// What is known of one column of a file; as the catalog has it.
  package struct Column: Sendable, Equatable {
    package var id: Int64
    package var byteCount: Int64
    package var valueCount: Int64
    package var nullCount: Int64?
    package var minimum: String?
    package var maximum: String?
    package var containsNaN: Bool?

    package init(
      id: Int64, byteCount: Int64, valueCount: Int64, nullCount: Int64?, minimum: String?,
      maximum: String?, containsNaN: Bool?
    ) {
      self.id = id
      self.byteCount = byteCount
      self.valueCount = valueCount
      self.nullCount = nullCount
      self.minimum = minimum
      self.maximum = maximum
      self.containsNaN = containsNaN
    }
  }

  /// A typed Parquet file with the table's field ids.
  package struct File: Sendable, Equatable {
    /// Below the upload.
    package var name: String
    package var recordCount: Int64
    package var byteCount: Int64
    package var footerByteCount: Int64
    package var columns: [Column]

    package init(
      name: String, recordCount: Int64, byteCount: Int64, footerByteCount: Int64,
      columns: [Column]
    ) {
      self.name = name
      self.recordCount = recordCount
      self.byteCount = byteCount
      self.footerByteCount = footerByteCount
      self.columns = columns
    }
  }

  /// A record that becomes a dead letter, as the client asked.
  package struct Rejected: Sendable, Equatable {
    package var position: Int
    package var reason: String
    package var message: String
    package var payload: [UInt8]

    package init(position: Int, reason: String, message: String, payload: [UInt8]) {
      self.position = position
      self.reason = reason
      self.message = message
      self.payload = payload
    }
  }

  /// No sum of a few of them overflows.
  static let mostRecords: Int64 = 1 << 48

  package var table: TableID
  /// The version of the table under which the files were written.
  package var schemaVersion: Int64
  package var traceID: String
  package var operation: IngestOperation
  /// The batch's key as the client wrote it, UTF-8.
  package var idempotencyKey: [UInt8]
  package var upload: UploadID
  package var files: [File]
  /// Ascending in position.
  package var rejected: [Rejected]

  package init(
    table: TableID, schemaVersion: Int64, traceID: String, operation: IngestOperation,
    idempotencyKey: [UInt8], upload: UploadID, files: [File], rejected: [Rejected]
  ) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.traceID = traceID
    self.operation = operation
    self.idempotencyKey = idempotencyKey
    self.upload = upload
    self.files = files
    self.rejected = rejected
  }

  package var recordCount: Int {
    files.reduce(rejected.count) { $0 + Int($1.recordCount) }
  }
}

extension StagedBatch {
  func write(to writer: inout ByteWriter) {
    writer.signed(table.rawValue)
    writer.signed(schemaVersion)
    writer.text(traceID)
    writer.byte(operation.rawValue)
    writer.counted(idempotencyKey)
    writer.text(upload.rawValue)
    writer.number(UInt64(files.count))
    for file in files {
      writer.text(file.name)
      writer.signed(file.recordCount)
      writer.signed(file.byteCount)
      writer.signed(file.footerByteCount)
      writer.number(UInt64(file.columns.count))
      for column in file.columns { column.write(to: &writer) }
    }
    writer.number(UInt64(rejected.count))
    for record in rejected {
      writer.number(UInt64(record.position))
      writer.text(record.reason)
      writer.text(record.message)
      writer.counted(record.payload)
    }
  }

  /// - Returns: nil for damaged bytes.
  init?(_ reader: inout ByteReader) {
    guard let table = reader.signed(), let schemaVersion = reader.signed(),
      let traceID = reader.text(),
      let operation = reader.byte().flatMap(IngestOperation.init(rawValue:)),
      let key = reader.counted(), let upload = reader.text(), let fileCount = reader.number()
    else { return nil }
    self.init(
      table: TableID(table), schemaVersion: schemaVersion, traceID: traceID,
      operation: operation, idempotencyKey: Array(key), upload: UploadID(upload), files: [],
      rejected: [])
    for _ in 0..<fileCount {
      guard let file = File(&reader) else { return nil }
      files.append(file)
    }
    guard let rejectedCount = reader.number() else { return nil }
    var previous = -1
    for _ in 0..<rejectedCount {
      guard let position = reader.number(), position <= UInt64(Self.mostRecords),
        Int(position) > previous, let reason = reader.text(), let message = reader.text(),
        let payload = reader.counted()
      else { return nil }
      previous = Int(position)
      rejected.append(
        Rejected(
          position: previous, reason: reason, message: message, payload: Array(payload)))
    }
  }
}

extension StagedBatch.File {
  init?(_ reader: inout ByteReader) {
    guard let name = reader.text(), let recordCount = reader.signed(), recordCount >= 0,
      recordCount <= StagedBatch.mostRecords, let byteCount = reader.signed(), byteCount >= 0,
      let footerByteCount = reader.signed(), let columnCount = reader.number()
    else { return nil }
    self.init(
      name: name, recordCount: recordCount, byteCount: byteCount,
      footerByteCount: footerByteCount, columns: [])
    for _ in 0..<columnCount {
      guard let column = StagedBatch.Column(&reader) else { return nil }
      columns.append(column)
    }
  }
}

extension StagedBatch.Column {
  func write(to writer: inout ByteWriter) {
    writer.signed(id)
    writer.signed(byteCount)
    writer.signed(valueCount)
    writer.optional(nullCount) { $0.signed($1) }
    writer.optional(minimum) { $0.text($1) }
    writer.optional(maximum) { $0.text($1) }
    writer.optional(containsNaN) { $0.byte($1 ? 1 : 0) }
  }

  init?(_ reader: inout ByteReader) {
    guard let id = reader.signed(), let byteCount = reader.signed(),
      let valueCount = reader.signed(),
      let nullCount = reader.optional({ $0.signed() }),
      let minimum = reader.optional({ $0.text() }), let maximum = reader.optional({ $0.text() }),
      let containsNaN = reader.optional({ $0.byte() })
    else { return nil }
    self.init(
      id: id, byteCount: byteCount, valueCount: valueCount, nullCount: nullCount,
      minimum: minimum, maximum: maximum, containsNaN: containsNaN.map { $0 == 1 })
  }
}

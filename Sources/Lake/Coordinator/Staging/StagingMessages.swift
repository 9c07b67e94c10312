import Catalog
import Foundation
import IngestBus
import Model

/// What kind of file a staging child turns into rows.
package enum StagedFormat: String, Codable, Sendable {
  /// Payloads that the edge has checked, sent in frames.
  case payloads
  /// A Parquet file in the child's folder.
  case parquet
  /// An Arrow IPC stream in the child's folder.
  case arrow
}

/// What a staging child makes of a file's rows.
package enum StagedRowForm: String, Codable, Sendable {
  /// Typed Parquet in its folder.
  case files
  /// Lines of JSON, sent to the server: rows that are resolved one by one by their keys.
  case lines
}

/// How much of a staging child's confinement must stand.
package enum StagingConfinement: String, Codable, Sendable {
  case require, prefer, off
}

/// What a staging child is to do; all of it before anything else.
struct StagingRequest: Codable, Sendable {
  struct Column: Codable, Sendable {
    let field: FieldID
    /// As the engine's SQL has it.
    let type: String
    let isNullable: Bool
    /// SQL of the default; nil where there is none.
    let defaultSQL: String?

    var name: String { field.name }
  }

  let format: StagedFormat
  let form: StagedRowForm
  let shape: RowShape
  let columns: [Column]
  /// The child's own, on the store's file system.
  let folder: String
  let threads: Int
  let memoryBytes: Int
  /// Of what the engine may put aside in the folder when that is too little.
  let spillBytes: Int
  /// Bytes of payloads that become one file.
  let sliceBytes: Int
  /// Bytes of the texts, and elements of the lists, that one row may have as a line.
  let longestRow: Int
  let confinement: StagingConfinement
  /// As the child has an empty environment, a crash test's text comes this way.
  let poison: String?
}

/// One problem that a file has with the table; there are no records to name.
package struct StagedFileViolation: Codable, Equatable, Sendable {
  package let column: String
  package let expected: String
  package let got: String

  package init(column: String, expected: String, got: String) {
    self.column = column
    self.expected = expected
    self.got = got
  }
}

/// A bound that a file's rows are beyond.
package enum StagedLimit: Codable, Equatable, Sendable {
  /// Of one row as a line of JSON.
  case rowBytes(Int)
  /// Of the engine's memory, temporary files included.
  case memoryBytes(Int)
}

/// What came of it.
struct StagingReply: Codable, Sendable {
  struct File: Codable, Sendable {
    let name: String
    let recordCount: Int64
    let byteCount: Int64
    let footerByteCount: Int64
    let columns: [Column]
  }

  struct Column: Codable, Sendable {
    let id: Int64
    let byteCount: Int64
    let valueCount: Int64
    let nullCount: Int64?
    let minimum: String?
    let maximum: String?
    let containsNaN: Bool?
  }

  struct Refused: Codable, Sendable {
    let position: Int
    let message: String
    let payload: Data
  }

  var files: [File] = []
  /// Payloads that the engine refuses, by their place among those sent.
  var refused: [Refused] = []
  /// What the file has wrong; nothing else counts then.
  var violations: [StagedFileViolation] = []
  /// The file cannot be read, in words for a client.
  var unreadable: String?
  var limit: StagedLimit?
  /// The disk has no room; nothing is wrong with the data.
  var isStorageFull = false
  /// What else failed that is not in the data.
  var failure: String?
}

extension StagingReply.File {
  init(_ file: ParquetFile, name: String) {
    self.init(
      name: name, recordCount: file.recordCount, byteCount: file.byteCount,
      footerByteCount: file.footerByteCount,
      columns: file.statistics.map {
        StagingReply.Column(
          id: $0.columnID, byteCount: $0.byteCount, valueCount: $0.valueCount,
          nullCount: $0.nullCount, minimum: $0.minimum, maximum: $0.maximum,
          containsNaN: $0.containsNaN)
      })
  }

  var staged: StagedBatch.File {
    StagedBatch.File(
      name: name, recordCount: recordCount, byteCount: byteCount,
      footerByteCount: footerByteCount,
      columns: columns.map {
        StagedBatch.Column(
          id: $0.id, byteCount: $0.byteCount, valueCount: $0.valueCount,
          nullCount: $0.nullCount, minimum: $0.minimum, maximum: $0.maximum,
          containsNaN: $0.containsNaN)
      })
  }
}

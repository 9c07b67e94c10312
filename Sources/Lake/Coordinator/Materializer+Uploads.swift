import Catalog
import DuckDB
import Glibc
import IngestBus
import Model

/// A file of an upload that becomes the lake's under a name of this flight.
struct AdoptedFile: Sendable {
  let upload: UploadID
  let file: StagedBatch.File
  /// Below the table's folder.
  let name: String

  func newDataFile(_ table: TableID) -> NewDataFile {
    NewDataFile(
      table: table, name: name, recordCount: file.recordCount, byteCount: file.byteCount,
      footerByteCount: file.footerByteCount,
      statistics: file.columns.map(ColumnStatistics.init))
  }
}

extension ColumnStatistics {
  init(_ column: StagedBatch.Column) {
    self.init(
      columnID: column.id, byteCount: column.byteCount, valueCount: column.valueCount,
      nullCount: column.nullCount, minimum: column.minimum, maximum: column.maximum,
      containsNaN: column.containsNaN)
  }
}

extension StagedBatch.Column {
  init(_ statistics: ColumnStatistics) {
    self.init(
      id: statistics.columnID, byteCount: statistics.byteCount,
      valueCount: statistics.valueCount, nullCount: statistics.nullCount,
      minimum: statistics.minimum, maximum: statistics.maximum,
      containsNaN: statistics.containsNaN)
  }
}

extension Materializer {
  /// Where an upload's file is, and where a new one can be written.
  struct UploadPaths: Sendable {
    let source: @Sendable (_ name: String, _ upload: UploadID) -> String
    let staging: @Sendable () -> String
  }

  /// Adds what the uploads of a batch come to.
  ///
  /// Files that were written under the table's present schema are taken as they are. Others are
  /// written anew: the lake holds a file to be of the schema that was current when it was added. So
  /// are those of a table with partitions or an order.
  func add(
    _ uploads: [PlannedUpload], to result: inout MaterializedTable, paths: UploadPaths
  ) throws(EnvironmentFailure) {
    for upload in uploads {
      let batch = upload.batch
      result.deadLetters += batch.rejected.map { rejected in
        letter(
          PlannedEvent(
            token: upload.firstToken.advanced(by: rejected.position),
            schemaVersion: batch.schemaVersion,
            record: EventRecord(
              operation: batch.operation, idempotencyKey: batch.idempotencyKey,
              payload: rejected.payload)),
          result.batch, reason: rejected.reason, message: rejected.message)
      }
      guard let table = result.table, !table.isDropped else {
        dropped(upload, &result)
        continue
      }
      // Rows of a keyed table are resolved one by one, which its batches travel for as records.
      guard !table.definition.isKeyed else { throw .damaged("an upload for a table with a key") }
      for file in batch.files {
        if table.schemaVersion == batch.schemaVersion, !table.definition.layout.isClustered {
          let name = DataFileName(
            epoch: result.batch.epoch, kind: .events,
            stagedName: RandomHex.digits(24) + ".parquet"
          ).text
          result.adopted.append(AdoptedFile(upload: batch.upload, file: file, name: name))
        } else {
          let target = paths.staging()
          result.rewritten += try rewrite(
            file, at: paths.source(file.name, batch.upload), for: table, to: target)
        }
      }
    }
  }

  /// One dead letter tells of all the rows: a letter for each could be millions.
  private func dropped(_ upload: PlannedUpload, _ result: inout MaterializedTable) {
    let batch = upload.batch
    let rows = batch.files.reduce(0) { $0 + $1.recordCount }
    guard rows > 0 else { return }
    let rejected = Set(batch.rejected.map(\.position))
    let first = (0..<batch.recordCount).first { !rejected.contains($0) } ?? 0
    result.deadLetters.append(
      letter(
        PlannedEvent(
          token: upload.firstToken.advanced(by: first), schemaVersion: batch.schemaVersion,
          record: EventRecord(
            operation: batch.operation, idempotencyKey: batch.idempotencyKey,
            payload: Array("{\"batch_rows\":\(rows)}".utf8))),
        result.batch, reason: "TABLE_DROPPED",
        message: "the table was dropped; the letter stands for \(rows) rows of a batch"))
    result.lateRows += rows - 1
  }

  private func rewrite(
    _ file: StagedBatch.File, at source: String, for table: TableRecord, to target: String
  ) throws(EnvironmentFailure) -> [ParquetFile] {
    let columns = Array(zip(table.definition.schema.columns, table.columnIDs))
    let known = Set(file.columns.map(\.id))
    let fields = columns.map { column, id in
      "\(id): {name: \(SQLText.literal(column.name)), "
        + "type: \(SQLText.literal(column.type.sqlName)), default_value: NULL}"
    }
    let list = columns.map { column, id in
      let name = SQLText.identifier(column.name)
      guard !known.contains(id), let value = column.defaultValue else { return name }
      return "coalesce(\(name), \(value.sql(as: column.type))) AS \(name)"
    }
    do {
      let written = try ClusteredWrite(table, on: connection).write(
        query: """
          SELECT \(list.joined(separator: ", ")) FROM read_parquet(\(SQLText.literal(source)),
            schema = MAP {\(fields.joined(separator: ", "))}) ORDER BY file_row_number
          """,
        fieldIDs: table.fieldIDs, statisticsOf: Set(table.columnIDs), to: target)
      guard written.reduce(0, { $0 + $1.recordCount }) == file.recordCount else {
        for file in written { unlink(file.path) }
        throw EnvironmentFailure.engine("a file of an upload has lost rows")
      }
      return written
    } catch let failure as EnvironmentFailure {
      throw failure
    } catch let error as DuckDBError {
      throw .engine(error.message)
    } catch {
      throw .engine("a file of an upload could not be written anew")
    }
  }
}

import Catalog
import Consistency
import DuckDB
import Glibc
import IngestBus
import Model

/// Why a batch could not be materialised for a reason that is not in its data.
package enum EnvironmentFailure: Error, Equatable, Sendable {
  case engine(String)
  case storage(String)
  case storageFull
  case catalog(String)
  case damaged(String)

  /// The component that `/v1/ready` names.
  package var component: String {
    switch self {
    case .engine: "engine"
    case .storage, .storageFull: "object_store"
    case .catalog, .damaged: "catalog"
    }
  }
}

/// One table's part of a commit, its file still in staging.
struct MaterializedTable: Sendable {
  let batch: TableBatch
  let table: TableRecord?
  let file: ParquetFile?
  let deadLetters: [NewDeadLetter]

  var counts: LedgerCounts {
    LedgerCounts(
      inserted: file?.recordCount ?? 0, deadLettered: Int64(deadLetters.count))
  }
}

/// Turns events into typed Parquet with DuckDB.
///
/// Confined to one flight at a time: it holds one connection.
final class Materializer: @unchecked Sendable {  // handed from flight to flight by the pool's lock
  private let connection: DuckDBConnection
  private let builder: DuckDBChunkBuilder

  init(instance: DuckDBInstance) throws(DuckDBError) {
    connection = try instance.connect()
    builder = try DuckDBChunkBuilder([.bigint, .varchar])
  }

  /// Writes the events that can become rows to `path`; the others become dead letters.
  ///
  /// A record is a dead letter only if it fails alone, with an error of the data.
  ///
  /// - Parameter table: nil when the table is not known any more.
  /// - Throws: `EnvironmentFailure`; nothing is set aside then.
  func materialize(
    _ batch: TableBatch, table: TableRecord?, to path: String
  ) throws(EnvironmentFailure) -> MaterializedTable {
    guard let table, !table.isDropped else {
      let letters = batch.events.map {
        letter($0, batch, reason: "TABLE_DROPPED", message: "the table was dropped")
      }
      return MaterializedTable(batch: batch, table: table, file: nil, deadLetters: letters)
    }
    var letters: [NewDeadLetter] = []
    var events: [PlannedEvent] = []
    events.reserveCapacity(batch.events.count)
    for event in batch.events {
      if let rejection = event.record.rejection {
        letters.append(letter(event, batch, reason: "SCHEMA_VIOLATION", message: rejection))
      } else {
        events.append(event)
      }
    }
    let file: ParquetFile?
    do {
      file = try write(events[...], table: table, to: path)
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      unlink(path)
      let bad = try failingAlone(events[...], table: table)
      guard !bad.isEmpty else { throw .engine(error.message) }
      let tokens = Set(bad.map(\.event.token))
      events.removeAll { tokens.contains($0.token) }
      letters += bad.map { letter($0.event, batch, reason: "CAST_FAILED", message: $0.message) }
      do {
        file = try write(events[...], table: table, to: path)
      } catch {
        throw .engine(error.message)
      }
    }
    guard file?.recordCount ?? 0 == Int64(events.count) else {
      throw .engine("\(events.count) events gave \(file?.recordCount ?? 0) rows")
    }
    return MaterializedTable(batch: batch, table: table, file: file, deadLetters: letters)
  }

  private func letter(
    _ event: PlannedEvent, _ batch: TableBatch, reason: String, message: String
  ) -> NewDeadLetter {
    NewDeadLetter(
      tenant: batch.tenant, table: batch.table, token: event.token,
      schemaVersion: event.schemaVersion, operation: event.record.operation.rawValue,
      reason: reason, message: message, idempotencyKey: event.record.idempotencyKey,
      payload: event.record.payload)
  }

  /// The events that DuckDB refuses each by itself, found by halving.
  ///
  /// The edge lets nothing through that fails here: this runs only after a file could not be
  /// written.
  private func failingAlone(
    _ events: ArraySlice<PlannedEvent>, table: TableRecord
  ) throws(EnvironmentFailure) -> [(event: PlannedEvent, message: String)] {
    guard !events.isEmpty else { return [] }
    do {
      try evaluate(events, table: table)
      return []
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      if events.count == 1 { return events.map { ($0, error.scrubbedMessage) } }
    }
    let middle = events.startIndex + events.count / 2
    return try failingAlone(events[..<middle], table: table)
      + failingAlone(events[middle...], table: table)
  }

  private static func isErrorOfTheData(_ error: DuckDBError) -> Bool {
    switch error.kind {
    case .conversion, .outOfRange, .invalidInput, .divideByZero, .constraint: true
    default: false
    }
  }

  private func evaluate(
    _ events: ArraySlice<PlannedEvent>, table: TableRecord
  ) throws(DuckDBError) {
    try load(events)
    // max() over each column makes DuckDB compute every value.
    let schema = table.definition.schema
    let columns = schema.columns.map { "max(\(SQLText.identifier($0.name)))" }
      .joined(separator: ", ")
    _ = try connection.query(
      """
      SELECT \(columns) FROM (SELECT \(schema.materializationProjection)
      FROM \(schema.materializationSource(over: Self.batchTable)))
      """)
  }

  private static let batchTable = "batch"

  private func load(_ events: ArraySlice<PlannedEvent>) throws(DuckDBError) {
    try connection.execute(
      "CREATE OR REPLACE TEMP TABLE \(Self.batchTable)(position BIGINT, payload VARCHAR)")
    let appender = try DuckDBAppender(connection, table: Self.batchTable)
    var rest = events
    while !rest.isEmpty {
      let part = rest.prefix(DuckDBChunkBuilder.capacity)
      builder.reset()
      builder.withElements(ofColumn: 0, as: Int64.self) { positions in
        for (row, event) in part.enumerated() { positions[row] = event.token.rawValue }
      }
      for (row, event) in part.enumerated() {
        // UTF-8 by the edge's check of every byte.
        event.record.payload.withUnsafeBytes {
          builder.setTrustedBytes($0, column: 1, row: row)
        }
      }
      builder.rowCount = part.count
      try appender.append(builder)
      rest = rest.dropFirst(part.count)
    }
    try appender.finish()
  }

  private func write(
    _ events: ArraySlice<PlannedEvent>, table: TableRecord, to path: String
  ) throws(DuckDBError) -> ParquetFile? {
    guard !events.isEmpty else { return nil }
    try load(events)
    let schema = table.definition.schema
    return try ParquetFile.write(
      query: """
        SELECT \(schema.materializationProjection)
        FROM \(schema.materializationSource(over: Self.batchTable))
        """,
      fieldIDs: Array(zip(schema.columns.map(\.name), table.columnIDs)),
      statisticsOf: Set(table.columnIDs), to: path, on: connection)
  }
}

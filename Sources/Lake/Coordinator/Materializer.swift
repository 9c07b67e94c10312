import Catalog
import Consistency
import DuckDB
import Glibc
import IngestBus
import Model
import Runtime

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
  var deadLetters: [NewDeadLetter]
  /// Files of uploads that the commit takes as they are.
  var adopted: [AdoptedFile] = []
  /// Files of uploads written anew, still in staging.
  var rewritten: [ParquetFile] = []
  /// Rows of uploads that came too late for their table.
  var noOperation: Int64 = 0

  /// The files that are put: one of events, and those written anew.
  var stagedFiles: [ParquetFile] { (file.map { [$0] } ?? []) + rewritten }

  var counts: LedgerCounts {
    LedgerCounts(
      inserted: stagedFiles.reduce(0) { $0 + $1.recordCount }
        + adopted.reduce(0) { $0 + $1.file.recordCount },
      noOperation: noOperation, deadLettered: Int64(deadLetters.count))
  }
}

/// An event that the engine refuses by itself, with the engine's words.
struct RefusedEvent: Sendable {
  let event: PlannedEvent
  let message: String
}

/// Turns events into typed Parquet with DuckDB.
///
/// Confined to one flight at a time: it holds one connection.
final class Materializer: @unchecked Sendable {  // handed from flight to flight by the pool's lock
  let connection: DuckDBConnection
  private let builder: DuckDBChunkBuilder
  private let poison: PoisonText?

  init(
    instance: DuckDBInstance, poison: PoisonText? = PoisonText.armed
  ) throws(DuckDBError) {
    self.poison = poison
    connection = try instance.connect()
    builder = try DuckDBChunkBuilder([.bigint, .varchar])
  }

  /// Writes the events that can become rows to `path`; the others become dead letters.
  ///
  /// A record is a dead letter only if it fails alone, with an error of the data.
  ///
  /// - Parameters:
  ///   - table: nil when the table is not known any more.
  ///   - probe: for events that may crash the engine: none of them comes near this process's engine
  ///     before a child process has survived it.
  /// - Throws: `EnvironmentFailure`; nothing is set aside then.
  func materialize(
    _ batch: TableBatch, table: TableRecord?, to path: String, probing probe: CrashProbe? = nil
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
    let shape = RowShape(table)
    if let probe {
      let crashing = try CrashSearch.culprits(in: events[...]) { part throws(EnvironmentFailure) in
        try probe.crashes(on: part, shape: shape)
      }
      letters += crashing.map {
        letter(events[$0], batch, reason: "ENGINE_CRASHED", message: "the engine crashes on it")
      }
      let tokens = Set(crashing.map { events[$0].token })
      events.removeAll { tokens.contains($0.token) }
    }
    let (file, refused) = try write(events, shape: shape, to: path)
    letters += refused.map {
      letter($0.event, batch, reason: "CAST_FAILED", message: $0.message)
    }
    return MaterializedTable(batch: batch, table: table, file: file, deadLetters: letters)
  }

  /// Writes the events that the engine can turn into rows, and tells which ones it refuses.
  ///
  /// - Throws: `EnvironmentFailure`; a file may be there in part then.
  func write(
    _ given: [PlannedEvent], shape: RowShape, to path: String
  ) throws(EnvironmentFailure) -> (file: ParquetFile?, refused: [RefusedEvent]) {
    var events = given
    var refused: [RefusedEvent] = []
    let file: ParquetFile?
    do {
      file = try writeAll(events[...], shape: shape, to: path)
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      unlink(path)
      refused = try failingAlone(events[...], shape: shape)
      guard !refused.isEmpty else { throw .engine(error.message) }
      let tokens = Set(refused.map(\.event.token))
      events.removeAll { tokens.contains($0.token) }
      do {
        file = try writeAll(events[...], shape: shape, to: path)
      } catch {
        throw .engine(error.message)
      }
    }
    guard file?.recordCount ?? 0 == Int64(events.count) else {
      throw .engine("\(events.count) events gave \(file?.recordCount ?? 0) rows")
    }
    return (file, refused)
  }

  func letter(
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
    _ events: ArraySlice<PlannedEvent>, shape: RowShape
  ) throws(EnvironmentFailure) -> [RefusedEvent] {
    guard !events.isEmpty else { return [] }
    do {
      try evaluate(events, shape: shape)
      return []
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      if events.count == 1 {
        return events.map { RefusedEvent(event: $0, message: error.scrubbedMessage) }
      }
    }
    let middle = events.startIndex + events.count / 2
    return try failingAlone(events[..<middle], shape: shape)
      + failingAlone(events[middle...], shape: shape)
  }

  private static func isErrorOfTheData(_ error: DuckDBError) -> Bool {
    switch error.kind {
    case .conversion, .outOfRange, .invalidInput, .divideByZero, .constraint: true
    default: false
    }
  }

  private func evaluate(
    _ events: ArraySlice<PlannedEvent>, shape: RowShape
  ) throws(DuckDBError) {
    try load(events)
    // max() over each column makes DuckDB compute every value.
    let columns = shape.columns.map { "max(\(SQLText.identifier($0.name)))" }
      .joined(separator: ", ")
    _ = try connection.query(
      """
      SELECT \(columns) FROM (SELECT \(shape.projection) FROM \(shape.source))
      """)
  }

  private func load(_ events: ArraySlice<PlannedEvent>) throws(DuckDBError) {
    try connection.execute(
      "CREATE OR REPLACE TEMP TABLE \(RowShape.batchTable)(position BIGINT, payload VARCHAR)")
    let appender = try DuckDBAppender(connection, table: RowShape.batchTable)
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
          poison?.strike($0)
          builder.setTrustedBytes($0, column: 1, row: row)
        }
      }
      builder.rowCount = part.count
      try appender.append(builder)
      rest = rest.dropFirst(part.count)
    }
    try appender.finish()
  }

  private func writeAll(
    _ events: ArraySlice<PlannedEvent>, shape: RowShape, to path: String
  ) throws(DuckDBError) -> ParquetFile? {
    guard !events.isEmpty else { return nil }
    try load(events)
    return try ParquetFile.write(
      query: "SELECT \(shape.projection) FROM \(shape.source)",
      fieldIDs: shape.columns.map { ($0.name, $0.fieldID) },
      statisticsOf: Set(shape.columns.map(\.fieldID)), to: path, on: connection)
  }
}

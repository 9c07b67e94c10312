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

/// Turns events into typed Parquet with DuckDB.
///
/// Confined to one flight at a time: it holds one connection.
final class Materializer: @unchecked Sendable {  // handed from flight to flight by the pool's lock
  let instance: DuckDBInstance
  let connection: DuckDBConnection
  private let builder: DuckDBChunkBuilder
  private let poison: PoisonText?
  /// The folder for files that are written together, once there is one.
  var parts: String?

  init(
    instance: DuckDBInstance, poison: PoisonText? = PoisonText.armed
  ) throws(DuckDBError) {
    self.poison = poison
    self.instance = instance
    connection = try instance.connect()
    builder = try DuckDBChunkBuilder([.bigint, .utinyint, .varchar])
  }

  deinit {
    if let parts { rmdir(parts) }
  }

  /// Writes the events that can become rows to `path`; the others become dead letters.
  ///
  /// A record is a dead letter only if it fails alone, with an error of the data, or if the table's
  /// rule for keys says so.
  ///
  /// - Parameters:
  ///   - table: nil when the table is not known any more.
  ///   - lookup: where the rows of a keyed table's keys are looked for.
  ///   - path: delete files, and files of further partitions, get paths that extend it.
  ///   - probe: for events that may crash the engine: none of them comes near this process's engine
  ///     before a child process has survived it.
  /// - Throws: `EnvironmentFailure`; nothing is set aside then.
  func materialize(
    _ batch: TableBatch, table: TableRecord?, lookup: KeyLookup = .nowhere, to path: String,
    probing probe: CrashProbe? = nil
  ) throws(EnvironmentFailure) -> MaterializedTable {
    guard let table, !table.isDropped else {
      let letters = batch.events.map {
        letter($0, batch, reason: "TABLE_DROPPED", message: "the table was dropped")
      }
      return MaterializedTable(batch: batch, table: table, deadLetters: letters)
    }
    var (events, letters) = sortOut(batch)
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
    var lookup = lookup
    // A letter that this batch makes may be replayed after it as well.
    if !letters.isEmpty { lookup.keepsDeletedKeys = true }
    let written = try write(
      events, shape: shape, layout: table, lookup: lookup, to: path)
    letters += self.letters(of: written, among: events, batch)
    return MaterializedTable(
      batch: batch, table: table, deadLetters: letters, written: written,
      liveFiles: shape.key == nil || events.isEmpty ? nil : lookup.liveFiles)
  }

  /// The events that may become rows, and letters for those that the edge has rejected.
  func sortOut(_ batch: TableBatch) -> (events: [PlannedEvent], letters: [NewDeadLetter]) {
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
    return (events, letters)
  }

  /// Writes what the events do to the table, and tells which ones the engine refuses.
  ///
  /// - Parameter layout: the table whose partitions and order the rows get; without one they are
  ///   one file in the order of the events.
  /// - Throws: `EnvironmentFailure`; files may be there in part then.
  func write(
    _ given: [PlannedEvent], shape: RowShape, layout: TableRecord? = nil,
    lookup: KeyLookup = .nowhere, to path: String
  ) throws(EnvironmentFailure) -> WrittenBatch {
    var events = given
    var refused: [RefusedEvent] = []
    var written: WrittenBatch
    do {
      written = try writeAll(events[...], shape: shape, layout: layout, lookup: lookup, to: path)
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      unlink(path)
      refused = try failingAlone(events[...], shape: shape)
      guard !refused.isEmpty else { throw .engine(error.message) }
      let tokens = Set(refused.map(\.event.token))
      events.removeAll { tokens.contains($0.token) }
      var lookup = lookup
      lookup.keepsDeletedKeys = true
      do {
        written = try writeAll(events[...], shape: shape, layout: layout, lookup: lookup, to: path)
      } catch {
        throw .engine(error.message)
      }
    }
    written.failed = refused
    guard written.accountsFor(events.count) else {
      for deletes in written.outcome.deletes { unlink(deletes.file.path) }
      for file in written.files { unlink(file.path) }
      throw .engine("\(events.count) events gave \(written.outcome.counts)")
    }
    return written
  }

  /// The hash of each event's primary key, so that those which were deleted later are found.
  ///
  /// - Returns: none for events whose key cannot be computed: they cannot become rows either.
  func keyHashes(
    of events: [PlannedEvent], shape: RowShape
  ) throws(EnvironmentFailure) -> [[UInt8]] {
    guard let key = shape.key else { return [] }
    defer { KeyedBatch.forget(on: connection) }
    do {
      try load(events[...])
      return try KeyedBatch.keyHashes(key, limit: events.count, on: connection)
    } catch {
      guard Self.isErrorOfTheData(error) else { throw .engine(error.message) }
      guard events.count > 1 else { return [] }
    }
    let middle = events.count / 2
    return try keyHashes(of: Array(events[..<middle]), shape: shape)
      + keyHashes(of: Array(events[middle...]), shape: shape)
  }

  private func letters(
    of written: WrittenBatch, among events: [PlannedEvent], _ batch: TableBatch
  ) -> [NewDeadLetter] {
    var letters = written.failed.map {
      letter($0.event, batch, reason: "CAST_FAILED", message: $0.message)
    }
    let (existing, keyless) = (Set(written.outcome.refused), Set(written.outcome.keyless))
    guard !existing.isEmpty || !keyless.isEmpty else { return letters }
    for event in events {
      if existing.contains(event.token) {
        letters.append(
          letter(event, batch, reason: "KEY_EXISTS", message: "the primary key is in the table"))
      } else if keyless.contains(event.token) {
        letters.append(
          letter(
            event, batch, reason: "SCHEMA_VIOLATION",
            message: "a column of the primary key has no value"))
      }
    }
    return letters
  }

  func letter(
    _ event: PlannedEvent, _ batch: TableBatch, reason: String, message: String
  ) -> NewDeadLetter {
    NewDeadLetter(
      tenant: batch.tenant, table: batch.table, token: event.token,
      schemaVersion: event.schemaVersion, operation: event.record.operation.rawValue,
      reason: reason, message: message, idempotencyKey: event.record.idempotencyKey,
      payload: event.acceptedPayload ?? event.record.payload)
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
    // Of a delete nothing but the key is ever computed.
    var condition = ""
    if let key = shape.key {
      try KeyedBatch.computeKeys(key, on: connection)
      condition = " WHERE materialization.operation <> \(IngestOperation.delete.rawValue)"
    }
    // max() over each column makes DuckDB compute every value.
    let columns = shape.columns.map { "max(\(SQLText.identifier($0.name)))" }
      .joined(separator: ", ")
    _ = try connection.query(
      """
      SELECT \(columns) FROM (SELECT \(shape.projection) FROM \(shape.source)\(condition))
      """)
  }

  /// Puts the events into the engine's table.
  ///
  /// - Parameter places: the positions of the rows, one for each event; nil for the tokens.
  func load(
    _ events: ArraySlice<PlannedEvent>, places: [Int64]? = nil
  ) throws(DuckDBError) {
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE \(RowShape.batchTable)(
        position BIGINT, operation UTINYINT, payload VARCHAR)
      """)
    let appender = try DuckDBAppender(connection, table: RowShape.batchTable)
    var rest = events
    while !rest.isEmpty {
      let part = rest.prefix(DuckDBChunkBuilder.capacity)
      builder.reset()
      builder.withElements(ofColumn: 0, as: Int64.self) { positions in
        for (row, event) in part.enumerated() {
          positions[row] = places?[part.startIndex + row] ?? event.token.rawValue
        }
      }
      builder.withElements(ofColumn: 1, as: UInt8.self) { operations in
        for (row, event) in part.enumerated() { operations[row] = event.record.operation.rawValue }
      }
      for (row, event) in part.enumerated() {
        // UTF-8 by the edge's check of every byte.
        event.record.payload.withUnsafeBytes {
          poison?.strike($0)
          builder.setTrustedBytes($0, column: 2, row: row)
        }
      }
      builder.rowCount = part.count
      try appender.append(builder)
      rest = rest.dropFirst(part.count)
    }
    try appender.finish()
  }

  private func writeAll(
    _ events: ArraySlice<PlannedEvent>, shape: RowShape, layout: TableRecord?, lookup: KeyLookup,
    to path: String
  ) throws(DuckDBError) -> WrittenBatch {
    var written = WrittenBatch()
    guard !events.isEmpty else { return written }
    try load(events)
    guard let key = shape.key else {
      written.files = try writeRows(
        shape.projection, from: shape.source, rowCount: events.count, shape: shape,
        layout: layout, to: path)
      written.outcome.counts.inserted = written.recordCount
      return written
    }
    defer { KeyedBatch.forget(on: connection) }
    let batch = KeyedBatch(key: key, lookup: lookup, on: connection)
    written.outcome = try batch.resolve(eventCount: events.count)
    if written.outcome.counts.inserted > 0 {
      let isWhole = written.outcome.counts.inserted == Int64(events.count)
      written.files = try writeRows(
        "\(shape.projection), materialization.position AS \(RowShape.tokenColumn)",
        from: isWhole ? shape.source : key.rowSource, rowCount: events.count, shape: shape,
        layout: layout, to: path)
    }
    do {
      try batch.writeDeletes(&written.outcome, to: path)
    } catch {
      for file in written.files { unlink(file.path) }
      throw error
    }
    return written
  }

  private func writeRows(
    _ projection: String, from source: String, rowCount: Int, shape: RowShape,
    layout: TableRecord?, to path: String
  ) throws(DuckDBError) -> [ParquetFile] {
    var fields = shape.columns
    if shape.key != nil { fields.append(FieldID(RowShape.tokenColumn, RowShape.tokenFieldID)) }
    let (query, statistics) = (
      "SELECT \(projection) FROM \(source)", Set(shape.columns.map(\.id))
    )
    guard let layout, layout.definition.layout.isClustered else {
      return [
        try ParquetFile.write(
          query: query, fieldIDs: fields, statisticsOf: statistics, as: .holding(rows: rowCount),
          to: path, on: connection)
      ]
    }
    return try ClusteredWrite(layout, on: connection).write(
      query: query, fieldIDs: fields, statisticsOf: statistics, to: path)
  }
}

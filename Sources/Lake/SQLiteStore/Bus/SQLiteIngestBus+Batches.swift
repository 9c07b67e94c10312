import Consistency
import IngestBus
import LakeTables
import Model
import Runtime
import SQLite

extension SQLiteIngestBus: BatchBus {
  package func publish(_ batch: BatchPublish) async throws(BusError) -> BatchOutcome {
    let clock = database.clock
    return try await write { (connection) throws(SQLiteError) in
      let outcome = try BatchTransaction(
        batch: batch, now: clock.wall(), lease: clock.lease(), connection: connection
      ).run()
      CrashPoint.insidePublish.reached()
      return outcome
    }
  }

  package func standing(
    of key: KeyHash, producer: KeyHash?
  ) async throws(BusError) -> BatchStanding {
    try await read { (connection) throws(SQLiteError) in
      let known = try BatchKeyRow.read(key, connection)
      var standing = BatchStanding(receipt: known?.receipt, content: known?.content)
      if let producer { standing.producer = try ProducerRow.read(producer, connection) }
      return standing
    }
  }
}

/// One batch inside its publishing transaction.
private struct BatchTransaction {
  let batch: BatchPublish
  let now: Timestamp
  let lease: Timestamp
  let connection: SQLiteConnection

  private var day: Int64 { now.microseconds / 86_400_000_000 }

  func run() throws(SQLiteError) -> BatchOutcome {
    guard let head = try HeadRow.read(batch.tenant, connection),
      let version = try schemaVersion()
    else { return .tableGone }
    if let refusal = try producerRefusal() { return refusal }
    if let known = try BatchKeyRow.read(batch.key, connection) {
      return known.content == batch.content ? .duplicate(known.receipt) : .keyReused
    }
    guard version == batch.schemaVersion else { return .schemaChanged }
    let receipt = BatchReceipt(
      firstToken: head.advanced(by: 1), count: batch.body.recordCount)
    if let upload = batch.upload {
      guard try UploadRow.name(upload, through: receipt.lastToken, now: lease, connection) else {
        return .uploadExpired
      }
    }
    try BatchKeyRow.insert(batch, receipt, day: day, connection)
    if let producer = batch.producer {
      try ProducerRow.write(producer, table: batch.table, day: day, connection)
    }
    try connection.statement(
      """
      INSERT INTO duckmesh_segment(tenant_id, first_token, last_token, record_count, byte_count,
        published_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)
      """
    ).bind(batch.tenant.rawValue, at: 1).bind(receipt.firstToken.rawValue, at: 2)
      .bind(receipt.lastToken.rawValue, at: 3).bind(Int64(batch.body.recordCount), at: 4)
      .bind(Int64(batch.body.byteCount), at: 5).bind(now.microseconds, at: 6)
      .bind(batch.body.compressed, at: 7).run()
    try HeadRow.write(receipt.lastToken, tenant: batch.tenant, connection)
    return .accepted(receipt)
  }

  /// - Returns: nil when the table is gone.
  private func schemaVersion() throws(SQLiteError) -> Int64? {
    let statement = try connection.statement(
      """
      SELECT schema_version FROM duckmesh_table
      WHERE table_id = ? AND tenant_id = ? AND dropped_snapshot IS NULL
      """
    ).bind(batch.table.rawValue, at: 1).bind(batch.tenant.rawValue, at: 2)
    guard try statement.step() else { return nil }
    defer { statement.reset() }
    return statement.int64(0)
  }

  private func producerRefusal() throws(SQLiteError) -> BatchOutcome? {
    guard let producer = batch.producer else { return nil }
    let state = try ProducerRow.read(producer.id, connection)
    switch ProducerRules.judge(epoch: producer.epoch, sequence: producer.sequence, state) {
    case .next: return nil
    case .fenced(let current): return .producerFenced(current: current)
    case .gap(let expected): return .producerGap(expected: expected)
    case .repeated:
      // A number from before the first one of the epoch was never accepted.
      guard try BatchKeyRow.read(batch.key, connection) == nil else { return nil }
      return .producerGap(expected: (state?.sequence ?? 0) + 1)
    }
  }
}

/// The key of a batch.
enum BatchKeyRow {
  static func read(
    _ key: KeyHash, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> (receipt: BatchReceipt, content: Int64)? {
    let row = try connection.statement(
      "SELECT token, token_count, content FROM duckmesh_key WHERE key = ?"
    ).bind(key.bytes, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return (
      BatchReceipt(firstToken: VisibilityToken(row.int64(0)), count: Int(row.int64(1))),
      row.int64(2)
    )
  }

  static func insert(
    _ batch: BatchPublish, _ receipt: BatchReceipt, day: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_key(key, token, content, table_id, day, token_count)
      VALUES (?, ?, ?, ?, ?, ?)
      """
    ).bind(batch.key.bytes, at: 1).bind(receipt.firstToken.rawValue, at: 2)
      .bind(batch.content, at: 3).bind(batch.table.rawValue, at: 4).bind(day, at: 5)
      .bind(Int64(receipt.count), at: 6).run()
  }
}

enum ProducerRow {
  static func read(
    _ producer: KeyHash, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> ProducerState? {
    let row = try connection.statement(
      "SELECT epoch, sequence FROM duckmesh_producer WHERE producer = ?"
    ).bind(producer.bytes, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return ProducerState(epoch: row.int64(0), sequence: row.int64(1))
  }

  static func write(
    _ producer: BatchPublish.Producer, table: TableID, day: Int64,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      "INSERT OR REPLACE INTO duckmesh_producer VALUES (?, ?, ?, ?, ?)"
    ).bind(producer.id.bytes, at: 1).bind(table.rawValue, at: 2).bind(producer.epoch, at: 3)
      .bind(producer.sequence, at: 4).bind(day, at: 5).run()
  }
}

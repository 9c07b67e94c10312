import Catalog
import Consistency
import DuckDB
import Glibc
import Model

/// What became of a batch's events, and what they take away from the table.
struct BatchOutcome: Sendable {
  /// Without dead letters.
  var counts = LedgerCounts()
  /// Inserts whose key is in the table, where the table refuses that.
  var refused: [VisibilityToken] = []
  /// Events whose key holds a null.
  var keyless: [VisibilityToken] = []
  /// Rows of the lake that the delete files take away and those before them did not.
  var removedRows: Int64 = 0
  /// Distinct keys of these rows.
  var removedKeys: Int64 = 0
  var deletes: [WrittenDeletes] = []
  var filesSearched = 0
  /// Keys that the batch deleted, held by the lake or not; only where `KeyLookup` asks for them.
  var deletedKeys: [(hash: [UInt8], token: VisibilityToken)] = []
  /// What became of each event that was not refused, when the events are replayed dead letters.
  var fates: [VisibilityToken: LetterReplay.Outcome] = [:]
}

/// A delete file in staging: every deleted row of one data file.
struct WrittenDeletes: Sendable {
  let dataFile: Int64
  let file: ParquetFile
}

/// Decides, with the engine, what the loaded events of a batch do to a keyed table.
///
/// Per key in token order: a key is live before an event if the batch's event before it was no
/// delete or, for the first one, if the lake holds the key. An insert on a live key is refused
/// where the table says so, and changes nothing. The last event that is not refused wins; the
/// others are superseded. Whatever wins takes the lake's row of its key away.
///
/// Replayed dead letters come after their turn: an event whose key has a row or a deletion with a
/// higher token is superseded before any of that.
///
/// It leaves `KeyShape.outcomeTable` for the writing of the winners' rows.
struct KeyedBatch {
  let connection: DuckDBConnection
  let key: KeyShape
  let lookup: KeyLookup

  private static let delete = IngestOperation.delete.rawValue
  private static let insert = IngestOperation.insert.rawValue

  /// The engine's tables. `keyed_row` has the lake's live rows of the batch's keys by file and
  /// position, `keyed_dead` the positions that are deleted already in the files of those.
  private static let tables = [
    KeyShape.eventTable, KeyShape.outcomeTable, "keyed_row", "keyed_dead", "keyed_doomed",
    "keyed_tombstone",
  ]

  init(key: KeyShape, lookup: KeyLookup, on connection: DuckDBConnection) {
    self.key = key
    self.lookup = lookup
    self.connection = connection
  }

  /// Computes each event's key; `RowShape.batchTable` is loaded.
  static func computeKeys(
    _ key: KeyShape, on connection: DuckDBConnection
  ) throws(DuckDBError) {
    let keys = key.columns.enumerated().map { "\($1.expression) AS k\($0)" }
      .joined(separator: ", ")
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE \(KeyShape.eventTable) AS
      SELECT materialization.position AS token, materialization.operation AS operation, \(keys)
      FROM \(key.source)
      """)
  }

  /// Gives back the memory of what the batch has computed.
  static func forget(on connection: DuckDBConnection) {
    for table in tables { _ = try? connection.execute("DROP TABLE IF EXISTS \(table)") }
  }

  /// - Parameter count: of the events, each of which the outcome accounts for.
  func resolve(eventCount count: Int) throws(DuckDBError) -> BatchOutcome {
    var outcome = BatchOutcome()
    try Self.computeKeys(key, on: connection)
    let anyNull = key.columns.indices.map { "k\($0) IS NULL" }.joined(separator: " OR ")
    outcome.keyless = try tokens(
      "DELETE FROM \(KeyShape.eventTable) WHERE \(anyNull) RETURNING token", limit: count)
    let searched = try findRows()
    outcome.filesSearched = searched.count
    let late = try leaveOutLate(limit: count)
    try decide()
    try tally(&outcome)
    outcome.counts.superseded += Int64(late.count)
    if lookup.deletions != nil { outcome.fates = try fates(late: late, limit: count) }
    outcome.refused = try tokens(
      "SELECT token FROM \(KeyShape.outcomeTable) WHERE refused", limit: count)
    if lookup.keepsDeletedKeys || !outcome.refused.isEmpty || !outcome.keyless.isEmpty {
      outcome.deletedKeys = try deletedKeys(limit: count)
    }
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE keyed_doomed AS SELECT file, pos FROM keyed_row
      SEMI JOIN (SELECT \(key.names()) FROM \(KeyShape.outcomeTable) WHERE wins)
      USING (\(key.names()))
      """)
    return outcome
  }

  /// Writes the delete files of what `resolve` found, each with what was deleted before.
  ///
  /// - Parameter path: of the batch's data file in staging, whose name the files extend.
  /// - Throws: `DuckDBError`; none of the files is there then.
  func writeDeletes(
    _ outcome: inout BatchOutcome, to path: String
  ) throws(DuckDBError) {
    let touched = try connection.query(
      "SELECT file, count(*) FROM keyed_doomed GROUP BY file ORDER BY file",
      maximumRows: lookup.files.count)
    for row in touched.rows {
      guard let index = row[0].int64.map({ Int($0) }), let count = row[1].int64 else { continue }
      let data = lookup.files[index]
      let target = DataFileName.stagedPath(of: path, extendedBy: data.id)
      do {
        let file = try ParquetFile.writeDeletes(
          of: data.path,
          positions: """
            SELECT pos FROM keyed_doomed WHERE file = \(index)
            UNION ALL SELECT pos FROM keyed_dead WHERE file = \(index)
            """, to: target, on: connection)
        outcome.deletes.append(WrittenDeletes(dataFile: data.id, file: file))
        outcome.removedRows += count
      } catch {
        unlink(target)
        for written in outcome.deletes { unlink(written.file.path) }
        throw error
      }
    }
  }

  func tokens(_ sql: String, limit: Int) throws(DuckDBError) -> [VisibilityToken] {
    try connection.query(sql, maximumRows: limit).rows.compactMap { row in
      row[0].int64.map(VisibilityToken.init)
    }
  }

  /// Decides each event, as said above.
  private func decide() throws(DuckDBError) {
    let refusal =
      key.refusesExisting
      ? """
      operation = \(Self.insert) AND CASE WHEN before IS NULL THEN held
        ELSE before <> \(Self.delete) END
      """ : "false"
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE \(KeyShape.outcomeTable) AS
      WITH ordered AS (
        SELECT token, operation, \(key.names()), lake.is_held IS NOT NULL AS held,
          lag(operation) OVER (PARTITION BY \(key.names()) ORDER BY token) AS before
        FROM \(KeyShape.eventTable)
        LEFT JOIN (SELECT DISTINCT \(key.names()), true AS is_held FROM keyed_row) AS lake
          USING (\(key.names()))),
      judged AS (SELECT *, \(refusal) AS refused FROM ordered)
      SELECT token, operation, \(key.names()), held, refused,
        NOT refused AND row_number() OVER (
          PARTITION BY \(key.names()), refused ORDER BY token DESC) = 1 AS wins
      FROM judged
      """)
  }

  private func tally(_ outcome: inout BatchOutcome) throws(DuckDBError) {
    let table = try connection.query(
      """
      SELECT count(*) FILTER (wins AND operation <> \(Self.delete)),
        count(*) FILTER (wins AND operation = \(Self.delete) AND held),
        count(*) FILTER (NOT wins AND NOT refused),
        count(*) FILTER (wins AND operation = \(Self.delete) AND NOT held),
        count(*) FILTER (wins AND held)
      FROM \(KeyShape.outcomeTable)
      """)
    let numbers = table.rows.first?.map { $0.int64 ?? 0 } ?? []
    guard numbers.count == 5 else {
      throw DuckDBError(kind: .internal, message: "counting gave no numbers")
    }
    outcome.counts = LedgerCounts(
      inserted: numbers[0], deleted: numbers[1], superseded: numbers[2], noOperation: numbers[3])
    outcome.removedKeys = numbers[4]
  }
}

extension KeyedBatch {
  /// Finds the lake's live rows of the batch's keys.
  ///
  /// - Returns: the places in `lookup.files` of the files that could hold one and were read.
  private func findRows() throws(DuckDBError) -> [Int] {
    let searched = try filesInBounds()
    let types = key.columns.enumerated().map { "k\($0) \($1.type)" }.joined(separator: ", ")
    try connection.execute(
      "CREATE OR REPLACE TEMP TABLE keyed_dead(file INTEGER, pos BIGINT)")
    guard !searched.isEmpty else {
      try connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE keyed_row(
          file INTEGER, pos BIGINT, row_token BIGINT, \(types))
        """)
      return []
    }
    let fields = key.columns.enumerated().map { index, column in
      "\(column.fieldID): {name: 'k\(index)', type: \(SQLText.literal(column.type)), "
        + "default_value: NULL}"
    }.joined(separator: ", ")
    // Read only where it decides something.
    let isLate = lookup.deletions != nil
    let rowToken = isLate ? "row_token" : "NULL::BIGINT AS row_token"
    let tokenField =
      isLate
      ? ", \(RowShape.tokenFieldID): {name: 'row_token', type: 'BIGINT', default_value: NULL}" : ""
    try connection.execute(
      """
      CREATE OR REPLACE TEMP TABLE keyed_row AS
      SELECT \(Self.place(searched)) AS file, file_row_number AS pos, \(rowToken), \(key.names())
      FROM read_parquet([\(paths(searched.map { lookup.files[$0].path }))],
        schema = MAP {\(fields)\(tokenField)}, hive_partitioning = false)
      SEMI JOIN \(KeyShape.eventTable) USING (\(key.names()))
      """)
    try leaveOutDeleted()
    return searched
  }

  /// Takes away from `keyed_row` what is deleted already.
  private func leaveOutDeleted() throws(DuckDBError) {
    let hit = try connection.query(
      "SELECT DISTINCT file FROM keyed_row", maximumRows: lookup.files.count)
    let deleted = hit.rows.compactMap { $0[0].int64.map { Int($0) } }.sorted()
      .filter { lookup.files[$0].deletesPath != nil }
    guard !deleted.isEmpty else { return }
    // Positions of delete files that another writer has stamped with snapshots count as well: all
    // of them are deleted now.
    try connection.execute(
      """
      INSERT INTO keyed_dead SELECT \(Self.place(deleted)), pos
      FROM read_parquet([\(paths(deleted.compactMap { lookup.files[$0].deletesPath }))],
        hive_partitioning = false)
      """)
    try connection.execute(
      """
      DELETE FROM keyed_row USING keyed_dead
      WHERE keyed_row.file = keyed_dead.file AND keyed_row.pos = keyed_dead.pos
      """)
  }

  /// The files whose bounds hold a value of the batch in every key column.
  private func filesInBounds() throws(DuckDBError) -> [Int] {
    let bounded = key.columns.indices.filter { column in
      key.columns[column].hasBounds
        && lookup.files.contains { $0.bounds[column].minimum != nil }
    }
    guard !bounded.isEmpty else { return Array(lookup.files.indices) }
    let values = lookup.files.enumerated().map { index, file in
      let bounds = bounded.map { column in
        let bounds = file.bounds[column]
        return "\(literal(bounds.minimum)), \(literal(bounds.maximum))"
      }
      return "(\(index), \(bounds.joined(separator: ", ")))"
    }.joined(separator: ", ")
    let names = bounded.map { "l\($0), h\($0)" }.joined(separator: ", ")
    let casts = bounded.map { column in
      let type = key.columns[column].type
      return "TRY_CAST(l\(column) AS \(type)) AS l\(column), "
        + "TRY_CAST(h\(column) AS \(type)) AS h\(column)"
    }.joined(separator: ", ")
    // The least key of the batch that is not below the file's least one decides.
    let joins = bounded.map { column in
      """
      ASOF LEFT JOIN (SELECT DISTINCT k\(column) AS k FROM \(KeyShape.eventTable)) AS w\(column)
        ON bounds.l\(column) <= w\(column).k
      """
    }.joined(separator: " ")
    let conditions = bounded.map { column in
      "coalesce(w\(column).k <= h\(column), l\(column) IS NULL OR h\(column) IS NULL)"
    }.joined(separator: " AND ")
    let table = try connection.query(
      """
      WITH bounds AS (
        SELECT file, \(casts) FROM (VALUES \(values)) AS text(file, \(names)))
      SELECT file FROM bounds \(joins) WHERE \(conditions) ORDER BY file
      """, maximumRows: lookup.files.count)
    return table.rows.compactMap { $0[0].int64.map { Int($0) } }
  }

  /// The place in `lookup.files` of a row of a reader that is given the files at `places`.
  private static func place(_ places: [Int]) -> String {
    "([\(places.map(String.init).joined(separator: ", "))]::INTEGER[])[file_index::BIGINT + 1]"
  }

  private func paths(_ paths: [String]) -> String {
    paths.map(SQLText.literal).joined(separator: ", ")
  }

  private func literal(_ text: String?) -> String {
    text.map { "\(SQLText.literal($0))::VARCHAR" } ?? "NULL::VARCHAR"
  }
}

import Catalog
import Consistency
import DuckDB
import Model

/// What concerns dead letters: those of a batch that come after their turn, and keys that others
/// may want to bring back.
extension KeyedBatch {
  /// The hash of each distinct key of the loaded events.
  static func keyHashes(
    _ key: KeyShape, limit: Int, on connection: DuckDBConnection
  ) throws(DuckDBError) -> [[UInt8]] {
    try computeKeys(key, on: connection)
    return try connection.query(
      "SELECT DISTINCT \(key.hash) FROM \(KeyShape.eventTable) WHERE \(key.hash) IS NOT NULL",
      maximumRows: limit
    ).rows.compactMap { $0[0].string.flatMap(KeyHashText.bytes) }
  }

  /// Takes the events away whose key has a row or a deletion with a higher token.
  ///
  /// - Returns: their tokens; none for events whose turn it is.
  func leaveOutLate(limit: Int) throws(DuckDBError) -> [VisibilityToken] {
    guard let deletions = lookup.deletions else { return [] }
    let rows = deletions.map { "('\(KeyHashText.text($0.keyHash))', \($0.token.rawValue))" }
    try connection.execute(
      "CREATE OR REPLACE TEMP TABLE keyed_tombstone(hash VARCHAR, token BIGINT)")
    if !rows.isEmpty {
      try connection.execute(
        "INSERT INTO keyed_tombstone VALUES \(rows.joined(separator: ", "))")
    }
    return try tokens(
      """
      DELETE FROM \(KeyShape.eventTable) WHERE token IN (
        SELECT late.token FROM \(KeyShape.eventTable) AS late
        JOIN keyed_row USING (\(key.names())) WHERE keyed_row.row_token > late.token
        UNION ALL
        SELECT late.token
        FROM (SELECT token, \(key.hash) AS hash FROM \(KeyShape.eventTable)) AS late
        JOIN keyed_tombstone USING (hash) WHERE keyed_tombstone.token > late.token)
      RETURNING token
      """, limit: limit)
  }

  /// What became of each event; refused ones are left out.
  func fates(
    late: [VisibilityToken], limit: Int
  ) throws(DuckDBError) -> [VisibilityToken: LetterReplay.Outcome] {
    var fates: [VisibilityToken: LetterReplay.Outcome] = [:]
    for token in late { fates[token] = .superseded }
    let table = try connection.query(
      """
      SELECT token, CASE WHEN NOT wins THEN 1
        WHEN operation = \(IngestOperation.delete.rawValue) AND NOT held THEN 2 ELSE 0 END::BIGINT
      FROM \(KeyShape.outcomeTable) WHERE NOT refused
      """, maximumRows: limit)
    for row in table.rows {
      guard let token = row[0].int64 else { continue }
      fates[VisibilityToken(token)] =
        switch row[1].int64 {
        case 1: .superseded
        case 2: .noOperation
        default: .applied
        }
    }
    return fates
  }

  /// The keys whose last event is a delete, whether the lake held them or not.
  func deletedKeys(
    limit: Int
  ) throws(DuckDBError) -> [(hash: [UInt8], token: VisibilityToken)] {
    let table = try connection.query(
      """
      SELECT \(key.hash), token FROM \(KeyShape.outcomeTable)
      WHERE wins AND operation = \(IngestOperation.delete.rawValue)
      """, maximumRows: limit)
    return table.rows.compactMap { row in
      guard let hash = row[0].string.flatMap(KeyHashText.bytes), let token = row[1].int64 else {
        return nil
      }
      return (hash, VisibilityToken(token))
    }
  }
}

/// Hashes of keys as the engine's hexadecimal text and as bytes.
enum KeyHashText {
  static func bytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map(value)
    guard digits.count == KeyTombstone.hashLength * 2, !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map {
      (digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)
    }
  }

  static func text(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

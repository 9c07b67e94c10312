import Catalog
import Model
import PostgreSQL

/// The parameters of the functions that commit: lists of records turned into one array a field.
enum CommitValues {
  /// In the order of `SQLFunction.commitEvents`, without the clocks.
  static func events(_ commit: EventCommit) -> [PostgreSQLValue] {
    [
      .text(commit.id.rawValue), .text(commit.owner.rawValue),
      .int64s(commit.fences.map(\.tenant.rawValue)), .int64s(commit.fences.map(\.epoch.rawValue)),
      .int64s(commit.fences.map(\.from.rawValue)), .int64s(commit.fences.map(\.to.rawValue)),
      .int64s(commit.fences.map(\.voided)),
      .int64s(commit.tables.map(\.table.rawValue)), .int64s(commit.tables.map(\.schemaVersion)),
    ] + files(commit.files) + ledger(commit.ledger) + letters(commit.deadLetters)
      + removals(commit)
  }

  private static func files(_ files: [NewDataFile]) -> [PostgreSQLValue] {
    let places = files.enumerated().flatMap { index, file in
      file.statistics.map { _ in Int64(index + 1) }
    }
    return [
      .int64s(files.map(\.table.rawValue)), .texts(files.map(\.name)),
      .int64s(files.map(\.recordCount)), .int64s(files.map(\.byteCount)),
      .int64s(files.map(\.footerByteCount)), .int64s(places),
    ] + statistics(files.flatMap(\.statistics)) + FilePartitionValues.files(files)
  }

  static func statistics(_ columns: [ColumnStatistics]) -> [PostgreSQLValue] {
    let ranges = columns.map(range)
    return [
      .int64s(columns.map(\.columnID)), .int64s(columns.map(\.byteCount)),
      .int64s(columns.map(\.valueCount)), .optionalInt64s(columns.map(\.nullCount)),
      .optionalTexts(ranges.map(\.minimum)), .optionalTexts(ranges.map(\.maximum)),
      .optionalInt64s(columns.map { $0.containsNaN.map { $0 ? 1 : 0 } }),
    ]
  }

  /// PostgreSQL's text cannot hold a NUL. A column without a range is never pruned by it.
  private static func range(_ column: ColumnStatistics) -> (minimum: String?, maximum: String?) {
    let isKept = [column.minimum, column.maximum].allSatisfy { $0?.utf8.contains(0) != true }
    return isKept ? (column.minimum, column.maximum) : (nil, nil)
  }

  private static func ledger(_ rows: [NewLedgerRow]) -> [PostgreSQLValue] {
    [
      .int64s(rows.map(\.tenant.rawValue)), .int64s(rows.map(\.table.rawValue)),
      .int64s(rows.map(\.counts.inserted)), .int64s(rows.map(\.counts.superseded)),
      .int64s(rows.map(\.counts.noOperation)), .int64s(rows.map(\.counts.deadLettered)),
    ]
  }

  /// What the commit says of primary keys and delete files.
  private static func removals(_ commit: EventCommit) -> [PostgreSQLValue] {
    let searched = commit.tables.filter { $0.liveFiles != nil }
    let seen = searched.flatMap { made in (made.liveFiles ?? []).map { (made.table, $0) } }
    return [
      .int64s(commit.ledger.map(\.counts.deleted)), .int64s(commit.ledger.map(\.removedRows)),
      .int64s(searched.map(\.table.rawValue)), .int64s(seen.map(\.0.rawValue)),
      .int64s(seen.map(\.1.dataFile)), .optionalInt64s(seen.map(\.1.deleteFile)),
      .int64s(commit.deletes.map(\.table.rawValue)), .int64s(commit.deletes.map(\.dataFile)),
      .texts(commit.deletes.map(\.name)), .int64s(commit.deletes.map(\.deleteCount)),
      .int64s(commit.deletes.map(\.byteCount)), .int64s(commit.deletes.map(\.footerByteCount)),
    ] + replays(commit) + [.text(commit.changes.joined(separator: ","))]
  }

  /// What the commit makes of dead letters; the empty text stands for one that stays.
  private static func replays(_ commit: EventCommit) -> [PostgreSQLValue] {
    let replays = commit.replays
    let refusals = replays.map { replay -> (reason: String, message: String) in
      guard case .refused(let reason, let message) = replay.outcome else { return ("", "") }
      return (storable(reason), storable(message))
    }
    return [
      .int64s(commit.ledger.map(\.counts.replayed)), .int64s(replays.map(\.letter)),
      .int64s(replays.map(\.tenant.rawValue)), .int64s(replays.map(\.table.rawValue)),
      .int64s(replays.map(\.token.rawValue)), .int64s(replays.map(\.revision)),
      .texts(replays.map { $0.settlement?.rawValue ?? "" }), .texts(refusals.map(\.reason)),
      .texts(refusals.map(\.message)), .int64s(commit.tombstones.map(\.table.rawValue)),
      .byteStrings(commit.tombstones.map(\.keyHash)),
      .int64s(commit.tombstones.map(\.token.rawValue)),
    ]
  }

  private static func letters(_ letters: [NewDeadLetter]) -> [PostgreSQLValue] {
    [
      .int64s(letters.map(\.tenant.rawValue)), .int64s(letters.map(\.table.rawValue)),
      .int64s(letters.map(\.token.rawValue)), .int64s(letters.map(\.schemaVersion)),
      .int64s(letters.map { Int64($0.operation) }), .texts(letters.map { storable($0.reason) }),
      .texts(letters.map { storable($0.message) }), .byteStrings(letters.map(\.idempotencyKey)),
      .byteStrings(letters.map(\.payload)),
    ]
  }

  /// A message may quote what a client sent; a NUL in it would refuse the whole commit.
  private static func storable(_ text: String) -> String {
    guard text.utf8.contains(0) else { return text }
    return String(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : Character($0) })
  }

  /// In the order of `SQLFunction.commitMerge`, without the clocks.
  static func merge(_ merge: MergeCommit) -> [PostgreSQLValue] {
    let output = merge.output
    return [
      .text(merge.id.rawValue), .text(merge.owner.rawValue), .int64(merge.epoch.rawValue),
      .int64(merge.table.rawValue), .int64s(merge.inputs.map(\.id)),
      .int64s(merge.inputs.map(\.recordCount)), .int64s(merge.inputs.map(\.begin.rawValue)),
      .optionalInt64s(merge.inputs.map { $0.partialMaximum?.rawValue }), .text(output.name),
      .int64(output.recordCount), .int64(output.byteCount), .int64(output.footerByteCount),
      optional(merge.rowIDStart),
    ] + statistics(output.statistics) + FilePartitionValues.output(output)
  }

  /// In the order of `SQLFunction.commitRewrite`, without the clocks.
  static func rewrite(_ rewrite: RewriteCommit) -> [PostgreSQLValue] {
    let (output, deletes) = (rewrite.output, rewrite.outputDeletes)
    return [
      .text(rewrite.id.rawValue), .text(rewrite.owner.rawValue), .int64(rewrite.epoch.rawValue),
      .int64(rewrite.table.rawValue), optional(rewrite.schemaVersion),
      .int64s(rewrite.inputs.map(\.id)), .int64s(rewrite.inputs.map(\.recordCount)),
      .int64s(rewrite.inputs.map(\.begin.rawValue)),
      .optionalInt64s(rewrite.inputs.map { $0.partialMaximum?.rawValue }),
      .optionalInt64s(rewrite.inputs.map { $0.deletes?.id }),
      .optionalInt64s(rewrite.inputs.map { $0.deletes?.deleteCount }),
      output.map { .text($0.name) } ?? .null, .int64(output?.recordCount ?? 0),
      .int64(output?.byteCount ?? 0), optional(output?.footerByteCount),
      optional(rewrite.rowIDStart), deletes.map { .text($0.name) } ?? .null,
      .int64(deletes?.deleteCount ?? 0), .int64(deletes?.byteCount ?? 0),
      optional(deletes?.footerByteCount),
    ] + statistics(output?.statistics ?? []) + FilePartitionValues.output(output)
  }

  private static func optional(_ value: Int64?) -> PostgreSQLValue {
    value.map { .int64($0) } ?? .null
  }

  /// `$1, $2 …`
  static func places(_ count: Int) -> String {
    (1...count).map { "$\($0)" }.joined(separator: ", ")
  }
}

import Catalog
import Model
import SimdJSON

/// Takes payloads that were checked against an older version of a table's schema to the version
/// that is to be written.
///
/// **Invariant:** an event becomes the row that it would show today had it landed before its schema
/// changed. Columns are matched by id: a renamed one keeps its value, a dropped one's value goes, a
/// column that the payload leaves out takes the default of the event's own version, and one that
/// did not exist yet takes what older rows have there. Values keep their text: a widened type reads
/// it as the same value.
package struct EventUpgrade: Sendable {
  private struct Target: Sendable {
    let name: String
    /// The column's name in the payload; nil when the event's version does not have it.
    let source: [UInt8]?
    /// The JSON of a value that the payload does not have.
    let fallback: [UInt8]
  }

  private static let parsers = JSONParserPool(limits: JSONLimits(depth: 4_096))

  private let targets: [Target]

  /// - Parameters:
  ///   - old: the table at the version that the payloads were checked against.
  ///   - new: the table at the version that is written.
  init(from old: TableRecord, to new: TableRecord) {
    let before = Dictionary(
      zip(old.columnIDs, old.definition.schema.columns), uniquingKeysWith: { first, _ in first })
    targets = new.columnIDs.indices.map { index in
      let source = before[new.columnIDs[index]]
      let value = source.map(\.defaultValue) ?? new.initialDefaults[index]
      return Target(
        name: new.definition.schema.columns[index].name, source: source.map { Array($0.name.utf8) },
        fallback: Self.json(value))
    }
  }

  /// Takes the payloads of one table to another: columns of `newest` by name, as
  /// `EventReplayRules` matches them.
  ///
  /// - Parameters:
  ///   - old: the table at the version that the payloads were checked against.
  ///   - newest: the same table at its newest version.
  ///   - target: what is written.
  package init(from old: TableRecord, of newest: TableRecord, into target: TableRecord) {
    let before = Dictionary(
      zip(old.columnIDs, old.definition.schema.columns), uniquingKeysWith: { first, _ in first })
    let names = newest.definition.schema.columns.map(\.name)
    targets = target.definition.schema.columns.map { column in
      guard let index = names.firstIndex(of: column.name) else {
        return Target(name: column.name, source: nil, fallback: Self.json(column.defaultValue))
      }
      let source = before[newest.columnIDs[index]]
      let value = source.map(\.defaultValue) ?? newest.initialDefaults[index]
      return Target(
        name: column.name, source: source.map { Array($0.name.utf8) }, fallback: Self.json(value))
    }
  }

  /// The catalog's text of a default is what DuckDB casts to the column's type, as it does with a
  /// JSON string.
  private static func json(_ value: ColumnDefault?) -> [UInt8] {
    guard let value else { return Array("null".utf8) }
    var bytes: [UInt8] = []
    var text = value.catalogText
    text.withUTF8 { JSONText.appendQuoted(UnsafeRawBufferPointer($0), to: &bytes) }
    return bytes
  }

  /// - Parameter payload: an object that the edge has checked.
  /// - Returns: an object that names every column of the newer version; nil for what is no object.
  package func payload(_ payload: [UInt8]) -> [UInt8]? {
    payload.withUnsafeBytes { text in
      Self.parsers.withTokens(of: text) { result in
        guard case .success(let tokens) = result, tokens.count > 0, tokens[0].kind == .object else {
          return nil
        }
        return rewritten(tokens)
      }
    }
  }

  private func rewritten(_ tokens: JSONTokens) -> [UInt8] {
    var values: [[UInt8]: Int] = [:]
    var name = 1
    while name < tokens[0].next {
      let key = tokens.withString(of: tokens[name]) { Array($0) }
      values[key] = name + 1
      name = tokens[name + 1].next
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tokens.text.count + targets.count * 16)
    for target in targets {
      bytes.append(UInt8(ascii: bytes.isEmpty ? "{" : ","))
      bytes.append(contentsOf: "\"\(target.name)\":".utf8)
      if let value = target.source.flatMap({ values[$0] }) {
        let token = tokens[value]
        // A string's token leaves out its quotes.
        let quote = token.kind == .string ? 1 : 0
        bytes.append(
          contentsOf: tokens.text[token.offset - quote..<token.offset + token.length + quote])
      } else {
        bytes.append(contentsOf: target.fallback)
      }
    }
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }
}

extension TableBatch {
  /// The schema versions that events were checked against, other than the table's own.
  func staleVersions(for table: TableRecord) -> Set<Int64> {
    var versions = Set(events.lazy.map(\.schemaVersion))
    versions.remove(table.schemaVersion)
    return versions
  }

  /// The batch with the payloads of older versions taken to the table's own.
  ///
  /// Events that the edge has rejected stay as they were sent.
  func upgraded(_ upgrades: [Int64: EventUpgrade]) -> TableBatch {
    guard !upgrades.isEmpty else { return self }
    var batch = self
    for index in batch.events.indices where batch.events[index].record.rejection == nil {
      let event = batch.events[index]
      guard let payload = upgrades[event.schemaVersion]?.payload(event.record.payload) else {
        continue
      }
      batch.events[index].acceptedPayload = event.record.payload
      batch.events[index].record.payload = payload
    }
    return batch
  }
}
